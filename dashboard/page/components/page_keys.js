// Keys that work wherever the focus is, except where they have a meaning of their own; and light or dark as chosen before.
import { h } from "vue";

const KEPT = "churnstream.scheme";
const OWN = ["INPUT", "SELECT", "TEXTAREA"];

function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export default {
  props: { panel: Boolean },
  emits: ["key"],
  mounted() {
    document.addEventListener("keydown", this.pressed);
    document.addEventListener("churnstream-scheme", this.turned);
    const scheme = remembered();
    if (scheme) window.Quasar.Dark.set(scheme === "dark");
  },
  beforeUnmount() {
    document.removeEventListener("keydown", this.pressed);
    document.removeEventListener("churnstream-scheme", this.turned);
  },
  watch: {
    // the panel's heading gets the focus, and what had it before gets it back
    panel(open) {
      if (open) this.before = document.activeElement;
      setTimeout(() => {
        const to = open ? document.getElementById("panel-title") : this.before;
        to?.focus({ preventScroll: !open });
      }, 50);
    },
  },
  methods: {
    pressed(event) {
      if (!this.panel || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      // an explanation that stands open takes the key itself
      if (document.querySelector("[popover]:popover-open")) return;
      const own = OWN.includes(event.target.tagName) || event.target.closest?.(".scrolled");
      if (event.key === "Escape" || (!own && ["ArrowLeft", "ArrowRight"].includes(event.key))) this.$emit("key", event.key);
    },
    turned() {
      const dark = !window.Quasar.Dark.isActive;
      window.Quasar.Dark.set(dark);
      try {
        localStorage.setItem(KEPT, dark ? "dark" : "light");
      } catch {
        // a browser that keeps nothing forgets it with the page
      }
    },
  },
  render: () => h("span", { hidden: true }),
};
