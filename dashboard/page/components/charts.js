// Draws options of ECharts whose colours are names of CSS variables. Texts from data are text nodes or canvas, never markup.
import { h } from "vue";
import { echarts } from "nicegui-echart";

const NARROW = 560;
// pixels of an A4 sheet's height, and by how much 1180 pixels must be made smaller to fit its width
const SHEET = 1030;
const WIDEST = 0.6;
const COLOUR = /^var\(--([\w-]+)\)$/;
const percent = (share) => `${Math.round(share * 100)} %`;

// ECharts keeps widths of texts in plain objects, where a name such as __proto__ is more than a name
const plain = (text) => (text in Object.prototype ? `\u200b${text}` : text);

function resolved(value, colours) {
  if (typeof value === "string") {
    const found = COLOUR.exec(value);
    return found ? colours.getPropertyValue(`--${found[1]}`).trim() : plain(value);
  }
  if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map((one) => resolved(one, colours));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === "formatter" && one === "percent" ? percent : resolved(one, colours)]));
}

export default {
  props: { overview: String, options: String, zoom: String, height: Number, label: String },
  emits: ["pick", "zoomed"],
  data: () => ({ shown: null, key: null, tall: 0, count: 0 }),
  created() {
    this.state = JSON.parse(this.overview ?? "null");
    this.tall = this.state?.height ?? this.height;
    this.count = this.state?.slots.length ?? 0;
    const [from, until] = JSON.parse(this.zoom ?? "[null, null]");
    this.asked = from !== null || until !== null ? [from, until] : null;
  },
  mounted() {
    this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
    this.draw();
    if (this.state) this.listen();
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.$refs.canvas);
    this.scheme = new MutationObserver(() => this.draw());
    this.scheme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    window.addEventListener("beforeprint", this.beforePrint);
    window.addEventListener("afterprint", this.afterPrint);
  },
  beforeUnmount() {
    window.removeEventListener("beforeprint", this.beforePrint);
    window.removeEventListener("afterprint", this.afterPrint);
    clearTimeout(this.telling);
    this.sizes.disconnect();
    this.scheme.disconnect();
    this.chart.dispose();
  },
  watch: {
    options() {
      this.draw();
    },
    zoom() {
      const [from, until] = JSON.parse(this.zoom);
      const whole = from === null && until === null;
      const ends = this.ends();
      const wanted = whole ? { start: 0, end: 100 } : { startValue: from ?? ends.min, endValue: until ?? ends.max };
      this.chart.dispatchAction({ type: "dataZoom", dataZoomId: "slider", ...wanted });
    },
  },
  methods: {
    draw() {
      const colours = getComputedStyle(document.body);
      if (!this.state) {
        this.chart.setOption(resolved(JSON.parse(this.options), colours), { notMerge: true });
        return;
      }
      const kept = this.range();
      this.colours = Object.fromEntries(
        ["quiet", "drifted", "drifted-ring", ...[0, 1, 2, 3, 4, 5].map((step) => `heat-${step}`)].map((name) => [
          name,
          colours.getPropertyValue(`--${name}`).trim(),
        ]),
      );
      this.narrow = this.$refs.canvas.clientWidth < NARROW;
      const frame = resolved(this.state.frame, colours);
      const series = [...this.made(this.state.series, colours), ...this.heatSeries()];
      this.chart.setOption({ ...frame, xAxis: frame.xAxis.map((axis) => ({ ...axis, ...this.ends() })), series }, { notMerge: true });
      if (this.narrow) this.chart.setOption(resolved(this.state.narrow, colours));
      if (kept) this.chart.dispatchAction({ type: "dataZoom", dataZoomId: "slider", ...kept });
    },
    // keeps the zoom over a redrawing; one that covers everything goes on covering everything
    range() {
      if (this.asked) {
        const ends = this.ends();
        const kept = { startValue: this.asked[0] ?? ends.min, endValue: this.asked[1] ?? ends.max };
        this.asked = null;
        return kept;
      }
      const zoom = this.chart.getOption()?.dataZoom?.[0];
      return zoom && (zoom.start > 0 || zoom.end < 100) ? { start: zoom.start, end: zoom.end } : null;
    },
    ends() {
      const slots = this.state.slots;
      return slots.length ? { min: slots[0][0], max: slots[slots.length - 1][1] } : {};
    },
    merge(text) {
      const { told, merged, aria, ...changed } = JSON.parse(text);
      if (told) this.state.told.splice(told.from, Infinity, ...told.items);
      Object.assign(this.state, changed);
      if (merged) {
        const byId = new Map(merged.map((one) => [one.id, one]));
        this.state.series = this.state.series.map((one) => byId.get(one.id) ?? one);
      }
      if (aria) this.state.frame.aria = aria;
      this.tall = this.state.height;
      this.count = this.state.slots.length;
      if (this.key !== null) this.key = Math.min(this.key, this.count - 1);
      if (changed.frame || changed.height) {
        this.$nextTick(() => this.draw());
        return;
      }
      const option = { series: this.made(merged ?? [], getComputedStyle(document.body)) };
      if (changed.cells || changed.slots) option.series.push(...this.heatSeries());
      if (changed.slots) option.xAxis = this.state.frame.xAxis.map(() => this.ends());
      if (aria) option.aria = aria;
      this.chart.setOption(option);
    },
    // series whose items are drawn by hand name that in Python
    made(series, colours) {
      return resolved(series, colours).map((one) => (one.renderItem === "whisker" ? { ...one, renderItem: this.whisker } : one));
    },
    // a line from the low to the high end of an interval, with short ends where there is room; fainter where there are many
    whisker(params, api) {
      const [x, low] = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)])[1];
      const { x: left, width } = params.coordSys;
      if (x < left || x > left + width) return null;
      const [begin, end] = this.state.slots[0];
      const room = api.size([end - begin, 0])[0];
      const opacity = (api.visual("opacity") ?? 0.45) * Math.min(1, room / 12);
      const style = { stroke: api.visual("color"), opacity, lineWidth: 1 };
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style, silent: true });
      const ends = room > 12 ? [line(x - 3, low, x + 3, low), line(x - 3, high, x + 3, high)] : [];
      return { type: "group", children: [line(x, low, x, high), ...ends] };
    },
    heatSeries() {
      const { heat, cells, columns } = this.state;
      if (heat === null) return [];
      const rows = columns.map(() => []);
      for (const cell of cells) rows[cell[2]].push(cell);
      const data = rows.map((_, row) => [row]);
      const renderItem = (params, api) => this.heatRow(rows[params.dataIndex], params, api);
      const kind = { type: "custom", xAxisIndex: heat, yAxisIndex: heat, silent: true, clip: true, z: 2, progressive: 0 };
      return [{ ...kind, id: "heat", data, renderItem, encode: { x: [], y: [] } }];
    },
    // one path for each colour, because a thousand windows by twenty columns are too many shapes one by one
    heatRow(cells, params, api) {
      const { slots, steps } = this.state;
      const { x: left, width } = params.coordSys;
      const row = params.dataIndex;
      const middle = api.coord([slots[0][0], row])[1];
      const tall = Math.max(2, api.size([0, 1])[1] - 2);
      const paths = {};
      const rect = (colour, x, y, wide, high) =>
        (paths[colour] = `${paths[colour] ?? ""}M${x.toFixed(1)} ${y}h${wide.toFixed(1)}v${high}h${(-wide).toFixed(1)}z`);
      // side by side and of one colour, what is narrower than a gap is one
      const runs = new Map();
      const joined = (name, colour, window, begin, end, y, high) => {
        const run = runs.get(name);
        if (run && run.colour === colour && run.window === window - 1) {
          run.window = window;
          run.end = end;
          return;
        }
        if (run) rect(run.colour, run.begin, run.y, run.end - run.begin, run.high);
        runs.set(name, { colour, window, begin, end, y, high });
      };
      const dots = [];
      for (const [first, last, , distance, drifted] of cells) {
        const begin = Math.max(left, api.coord([slots[first][0], row])[0]);
        const end = Math.min(left + width, api.coord([slots[last][1], row])[0]);
        if (end <= begin) continue;
        const wide = Math.max(0.5, end - begin - (end - begin > 4 ? 1 : 0));
        const colour = distance < 0 ? "quiet" : `heat-${steps.filter((edge) => distance / 1000 >= edge).length}`;
        if (first === last && wide < 3) joined("cell", colour, first, begin, end, middle - tall / 2, tall);
        else rect(colour, begin, middle - tall / 2, wide, tall);
        if (drifted && wide >= 9) dots.push([begin + wide / 2, Math.min(3.5, wide / 3)]);
        else if (drifted) joined("mark", "drifted", first, begin, end, middle - 2, 4);
      }
      for (const run of runs.values()) rect(run.colour, run.begin, run.y, run.end - run.begin, run.high);
      const ring = { fill: this.colours.drifted, stroke: this.colours["drifted-ring"], lineWidth: 1 };
      const { drifted: line, ...fills } = paths;
      const drawn = [...Object.entries(fills), ...(line ? [["drifted", line]] : [])];
      return {
        type: "group",
        silent: true,
        children: [
          ...drawn.map(([colour, pathData]) => ({ type: "path", shape: { pathData }, style: { fill: this.colours[colour] } })),
          ...dots.map(([cx, r]) => ({ type: "circle", shape: { cx, cy: middle, r }, style: ring })),
        ],
      };
    },
    listen() {
      const zr = this.chart.getZr();
      zr.on("mousemove", (event) => {
        const found = this.at(event.offsetX, event.offsetY);
        this.shown = found && found.window >= 0 ? { ...found, x: event.offsetX, y: event.offsetY } : null;
        if (found) zr.setCursorStyle("pointer");
      });
      zr.on("globalout", () => (this.shown = null));
      zr.on("click", (event) => {
        const found = this.at(event.offsetX, event.offsetY);
        if (found) this.$emit("pick", `${found.window} ${found.row}`);
      });
      this.chart.on("datazoom", () => {
        clearTimeout(this.telling);
        this.telling = setTimeout(() => {
          const zoom = this.chart.getOption().dataZoom[0];
          const all = zoom.start <= 0 && zoom.end >= 100;
          this.$emit("zoomed", all ? "" : [zoom.startValue, zoom.endValue].map((end) => this.rounded(end)).join(" "));
        }, 400);
      });
    },
    // so that addresses are short
    rounded(time) {
      const [begin, end] = this.state.slots[0];
      const step = end - begin >= 86_400_000 ? 3_600_000 : 60_000;
      return Math.round(time / step) * step;
    },
    // the window and the row of the heat map under a pixel; on a row's name the window is -1
    at(x, y) {
      const grids = this.state.frame.grid.length;
      for (let grid = 0; grid < grids; grid++) {
        if (!this.chart.containPixel({ gridIndex: grid }, [x, y])) continue;
        const window = this.windowAt(this.chart.convertFromPixel({ xAxisIndex: grid }, x));
        const row = grid === this.state.heat ? this.chart.convertFromPixel({ yAxisIndex: grid }, y) : -1;
        return window < 0 ? null : { window, row };
      }
      const { heat, columns, frame } = this.state;
      if (heat === null) return null;
      const box = frame.grid[heat];
      if (y < box.top || y >= box.top + box.height) return null;
      const row = this.chart.convertFromPixel({ yAxisIndex: heat }, y);
      return x < box.left && row >= 0 && row < columns.length ? { window: -1, row } : null;
    },
    windowAt(time) {
      const slots = this.state.slots;
      let [low, high] = [0, slots.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (slots[middle][0] <= time) low = middle;
        else high = middle - 1;
      }
      return slots.length && slots[low][0] <= time && time <= slots[low][1] ? low : -1;
    },
    rowWords(window, row) {
      const { cells, columns, least } = this.state;
      const found = cells.find(([first, last, own]) => own === row && first <= window && window <= last);
      if (!found) return [columns[row], "not judged"];
      const distance = found[3] < 0 ? `below ${least}` : (found[3] / 1000).toFixed(3);
      return [columns[row], `distance ${distance}${found[4] ? ", drifted" : ""}`];
    },
    resized() {
      this.chart.resize();
      if (this.state && this.$refs.canvas.clientWidth < NARROW !== this.narrow) this.draw();
    },
    beforePrint() {
      document.body.classList.add("printing");
      this.chart.resize();
      this.draw();
      const tall = document.querySelector(".health")?.offsetHeight ?? 0;
      document.body.style.setProperty("--print-zoom", Math.min(WIDEST, SHEET / tall));
    },
    afterPrint() {
      document.body.classList.remove("printing");
      this.chart.resize();
      this.draw();
    },
    keyed(event) {
      this.key = Number(event.target.value);
      const slot = this.state.slots[this.key];
      const x = this.chart.convertToPixel({ xAxisIndex: 0 }, (slot[0] + slot[1]) / 2);
      this.shown = { window: this.key, row: -1, x, y: 40 };
      this.chart.dispatchAction({ type: "updateAxisPointer", currTrigger: "mousemove", x, y: 60 });
    },
    pressed(event) {
      if (event.key !== "Enter") return;
      this.$emit("pick", `${this.key ?? this.count - 1} -1`);
    },
    readout() {
      const { window, row, x, y } = this.shown;
      const [title, ...texts] = this.state.told[window];
      const rows = row >= 0 ? this.rowWords(window, row) : [];
      const lines = [...rows, ...texts];
      const right = x > this.$refs.canvas.clientWidth / 2;
      const place = right ? { right: `${this.$refs.canvas.clientWidth - x + 14}px` } : { left: `${x + 14}px` };
      return h("div", { class: "readout", "aria-hidden": "true", style: { ...place, top: `${Math.min(y, this.tall - 170)}px` } }, [
        h("strong", title),
        h(
          "dl",
          lines.flatMap((text, place) => h(place % 2 ? "dd" : "dt", text)),
        ),
      ]);
    },
  },
  render() {
    const children = [h("div", { ref: "canvas", class: "chart-canvas", style: { height: `${this.tall}px` } })];
    if (this.state && this.count) {
      const key = this.key ?? this.count - 1;
      children.push(
        h("input", {
          type: "range",
          class: "chart-keys",
          min: 0,
          max: this.count - 1,
          value: key,
          "aria-label": this.label,
          "aria-valuetext": (this.state.told[key] ?? []).join(", "),
          onInput: this.keyed,
          onFocus: this.keyed,
          onBlur: () => (this.shown = null),
          onKeydown: this.pressed,
        }),
      );
      if (this.shown && this.state.told[this.shown.window]) children.push(this.readout());
    }
    return h("div", { class: "chart-box" }, children);
  },
};
