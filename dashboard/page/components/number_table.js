// A table in a disclosure. Its rows are sent only when it is opened.
import { h } from "vue";

export default {
  props: { table: String, open: Boolean },
  emits: ["asked"],
  render() {
    const { name, caption, columns, rows } = JSON.parse(this.table);
    const head = h("thead", h("tr", columns.map((column) => h("th", { scope: "col" }, column))));
    const body = h(
      "tbody",
      rows.map(([first, ...others]) => h("tr", [h("th", { scope: "row" }, first), ...others.map((text) => h("td", text))])),
    );
    const table = h("table", { class: "numbers" }, [h("caption", caption), head, body]);
    const asked = (event) => this.$emit("asked", `${name} ${event.target.open ? 1 : 0}`);
    return h("details", { class: "data-table", onToggle: asked }, [
      h("summary", caption),
      this.open ? h("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": caption }, table) : null,
    ]);
  },
};
