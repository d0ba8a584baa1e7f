"""The view model as options of ECharts: plain dicts that ``dashboard.page`` draws. Colours are CSS variables' names."""
