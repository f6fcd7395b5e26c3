/// The look of a page.
enum Stylesheet {
    static let page = """
        \(Palette.css(\.variables))
        \(Palette.css(\.plotRules))
        \(Palette.css(\.heatRules))
        :root { color-scheme: light dark; }
        * { box-sizing: border-box; }
        body {
        margin: 0; background: var(--page); color: var(--text); -webkit-text-size-adjust: 100%;
        font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
        }
        main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
        h1, h2 { text-wrap: balance; }
        h1 { font-size: clamp(1.5rem, 1.2rem + 1.6vw, 2.1rem); line-height: 1.2; margin: 0.5rem 0; }
        h2 {
        font-size: 1.25rem; margin: 2.75rem 0 1rem; padding-bottom: 0.35rem; border-bottom: 1px solid var(--line);
        }
        h3 { font-size: 1rem; margin: 1.5rem 0 0.5rem; }
        p, .claims { max-width: 48rem; }
        header p { font-size: 1.1rem; color: var(--muted); margin: 0; }
        figure { margin: 1.25rem 0; }
        figcaption { font-weight: 600; margin-bottom: 0.5rem; }
        .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem 1.5rem; margin: 1rem 0; }
        .facts dt { color: var(--muted); font-size: 0.85rem; }
        .facts dd { margin: 0; }
        .scroll {
        overflow-x: auto; max-width: 100%; background-repeat: no-repeat; background-attachment: local, local, scroll, scroll;
        background-image: linear-gradient(to right, var(--page) 40%, transparent), linear-gradient(to left, var(--page) 40%, transparent),
        linear-gradient(to right, var(--line), transparent), linear-gradient(to left, var(--line), transparent);
        background-position: 0 0, 100% 0, 0 0, 100% 0; background-size: 3rem 100%, 3rem 100%, 0.75rem 100%, 0.75rem 100%;
        }
        .scroll:focus-visible { outline: 2px solid var(--muted); }
        table { border-collapse: collapse; width: max-content; font-size: 0.925rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
        th, td { padding: 0.4rem 0.75rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
        td { max-width: 24rem; }
        th { font-weight: 600; }
        th:first-child, td:first-child { padding-left: 0; }
        thead th { color: var(--muted); font-size: 0.85rem; vertical-align: bottom; }
        .number { text-align: right; }
        td.number { white-space: nowrap; }
        thead th { max-width: 10rem; }
        .heat td { text-align: center; border: 2px solid var(--page); min-width: 3.75rem; }
        .heat thead th { text-align: center; }
        .heat td { white-space: nowrap; }
        .heat th { max-width: 12rem; overflow-wrap: break-word; }
        .heat .diagonal { font-weight: 700; text-decoration: underline; text-underline-offset: 0.2em; outline: 2px solid currentColor; outline-offset: -3px; }
        .scale { display: flex; align-items: center; gap: 0.6rem; margin-top: 0.5rem; font-size: 0.85rem; color: var(--muted); }
        .scale b { display: flex; flex: 0 1 16rem; height: 0.8rem; }
        .scale i { flex: 1; }
        .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.5rem 2rem; }
        .plots figure { margin: 0; max-width: 42rem; }
        .plot { display: block; width: 100%; height: auto; }
        .images { display: grid; gap: 0.75rem; justify-content: start; width: max-content; }
        .images figure { margin: 0; }
        .images img { display: block; image-rendering: pixelated; border: 1px solid var(--line); }
        .images figcaption { font-weight: 400; font-size: 0.85rem; color: var(--muted); margin: 0.25rem 0 0; }
        .links { list-style: none; padding: 0; margin: 1rem 0; max-width: 48rem; }
        .links li { margin: 0.75rem 0; }
        .links a { color: var(--link); font-weight: 600; }
        .links p { margin: 0; color: var(--muted); font-size: 0.925rem; }
        .claims { list-style: none; padding: 0; margin: 1rem 0; }
        .claims li { border-left: 4px solid var(--unsure); padding: 0.1rem 0 0.1rem 0.9rem; margin: 0.75rem 0; }
        .claims .verdict { display: block; color: var(--unsure); font-size: 0.925rem; }
        .claims .confirmed { border-color: var(--good); }
        .claims .confirmed .verdict { color: var(--good); }
        .claims .contradicted { border-color: var(--bad); }
        .claims .contradicted .verdict { color: var(--bad); }
        .notice { border: 1px solid var(--unsure); border-radius: 6px; padding: 0.6rem 0.9rem; margin: 1rem 0; max-width: 48rem; }
        pre { background: var(--panel); border-radius: 6px; padding: 0.75rem 0.9rem; overflow-x: auto; overflow-wrap: normal; font-size: 0.875rem; }
        code { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
        @media print { .scroll, pre { overflow: visible; } }
        """
}
