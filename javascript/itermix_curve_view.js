/**
 * Draws the live curve: an SVG in the placeholder that itermix/ui/curve.py made, of what itermix_curve_source.js reads.
 * Nothing is kept but what was drawn last.
 */
(function () {
    "use strict";

    const LOOK_EVERY = 250; // ms
    const HEIGHT = 190;
    const MARGIN = {left: 34, right: 14, top: 20, bottom: 34};
    const POINTS = 240; // of the drawn line
    const FONT = 11; // px
    const WORDS = 310; // px, which the words below the curve take
    const NAMESPACE = "http://www.w3.org/2000/svg";
    // Both hosts' themes have these. The shade 600 of orange or blue stands out (3:1) from white and from dark alike.
    const ACCENT = "var(--primary-600, #ea580c)";
    const BEHIND = "var(--background-fill-primary, transparent)";

    function root() {
        return typeof gradioApp === "function" ? gradioApp() : document;
    }

    /** All curves of the page that can be seen, where what they show has changed. */
    function refresh() {
        for (const place of root().querySelectorAll(".itermix-curve")) {
            if (place.clientWidth > 0) { // not in a closed accordion or another tab
                draw(place);
            }
        }
    }

    function draw(place) {
        const tab = place.dataset.tab;
        const settings = itermix.settingsOf(tab, JSON.parse(place.dataset.fields));
        const host = itermix.hostOf(tab);
        const fault = itermix.fault(settings);
        const run = itermix.pass(settings, host);
        const levels = run.nothing ? null : itermix.levelsOf(run.asked, refresh);
        const seen = JSON.stringify([settings, host, levels, place.clientWidth]);
        if (place.itermixSeen === seen && place.firstChild) {
            return;
        }
        place.itermixSeen = seen;
        const summary = fault ? `Not allowed, so nothing is mixed: ${fault}` : itermix.summary(settings, run, levels);
        const lines = [
            settings.enabled ? summary : `Off. When enabled: ${summary}`,
            itermix.split(settings, itermix.scaleOf(settings, host, run)),
        ];
        const text = element("div", {class: "itermix-curve-text"}, lines.map((line) => element("div", {}, [line])));
        text.style.cssText = "font-size: 0.9em; line-height: 1.4; padding: 2px 4px;";
        const isFree = levels && levels.steps === null && !levels.progress; // then passes.py goes by the noise level
        const shown = {...settings, ...(isFree ? {progress: "noise level"} : {}), steps: levels && levels.steps};
        const dots = fault || run.nothing ? [] : itermix.steps(shown, levels);
        place.style.color = "var(--body-text-color)";
        const description = lines.join(" ");
        place.replaceChildren(picture(shown, {nothing: run.nothing, dots, fault}, place.clientWidth, description), text);
    }

    // --- the picture

    /** Refused settings keep the frame and the marks, so that a slider does not jump away while it is dragged. */
    function picture(settings, {nothing, dots, fault}, width, description) {
        const box = {
            left: MARGIN.left, top: MARGIN.top,
            width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom,
        };
        const x = (u) => box.left + u * box.width;
        const y = (c1) => box.top + (1 - c1) * box.height;
        return shape("svg", {
            "viewBox": `0 0 ${width} ${HEIGHT}`, "width": "100%", "height": HEIGHT, "role": "img",
            "aria-label": description, "font-size": FONT, "fill": "currentColor", "font-family": "inherit",
            "direction": "ltr", // of a page that is turned around the numbers would stand on the other side of their ends
        }, [
            ...axes(settings, box, x, y),
            ...marks(settings, box, x, y),
            ...(fault ? [] : [shape("path", {
                "class": "itermix-line", "d": lineOf(settings, x, y), "fill": "none", "stroke": ACCENT,
                "stroke-width": 2, "stroke-linejoin": "round", "opacity": settings.enabled && !nothing ? 1 : 0.5,
            })]),
            ...(fault || settings.blend !== "two bands" ? [] : [shape("path", {
                "class": "itermix-high-line", "d": lineOf(settings, x, y, itermix.highWeight), "fill": "none",
                "stroke": ACCENT, "stroke-width": 1, "stroke-dasharray": "5 3", "stroke-linejoin": "round",
                "opacity": settings.enabled && !nothing ? 1 : 0.5,
            })]),
            ...dots.map(([u, c1]) => shape("circle", {
                "class": "itermix-step", "cx": x(u), "cy": y(c1), "r": c1 === 0 ? 2 : 3,
                "fill": c1 === 0 ? "none" : ACCENT, "stroke": c1 === 0 ? "currentColor" : ACCENT,
                "opacity": settings.enabled ? 1 : 0.5,
            }, [shape("title", {}, [`progress ${u.toFixed(3)}, weight ${c1.toFixed(4)}`])])),
        ]);
    }

    /**
     * The curve as a path. Points at start and stop make its corners sharp; at the clamp it falls straight down.
     * of: what is drawn in the place of the weight, from it.
     */
    function lineOf(settings, x, y, of = (_, c1) => c1) {
        const end = Math.min(settings.clamp, 1);
        const even = Array.from({length: POINTS + 1}, (_, i) => i / POINTS);
        const us = [...even, settings.start, settings.stop].filter((u) => u < end).sort((a, b) => a - b);
        const points = us.map((u) => [u, itermix.drawn(settings, u, settings.steps)]);
        points.push([end, itermix.drawn({...settings, clamp: 1}, end, settings.steps)]);
        if (end < 1) {
            const after = itermix.drawn(settings, 1, settings.steps);
            points.push([end, after], [1, after]);
        }
        const place = ([u, c1]) => `${x(u).toFixed(3)},${y(of(settings, c1)).toFixed(3)}`;
        return "M" + points.map(place).join("L");
    }

    function axes(settings, box, x, y) {
        const faint = {"stroke": "currentColor", "stroke-width": 1, "opacity": 0.18};
        const ticks = [0, 0.25, 0.5, 0.75, 1];
        const bottom = box.top + box.height;
        const by = itermix.isByStep(settings) ? "steps" : "noise level";
        return [
            shape("rect", {
                "class": "itermix-plot", "x": box.left, "y": box.top, "width": box.width, "height": box.height,
                "fill": "none", "stroke": "currentColor", "opacity": 0.4,
            }),
            ...[0.25, 0.5, 0.75].map((c1) => line(box.left, y(c1), box.left + box.width, y(c1), faint)),
            ...[0, 0.5, 1].map((c1) => label(box.left - 6, y(c1) + FONT / 3, c1, "end")),
            ...ticks.map((u) => label(x(u), bottom + FONT + 3, u, "middle")),
            label(box.left + box.width / 2, HEIGHT - 4, `${box.width < WORDS ? "weight" : "weight of the reference over the run"}, by ${by}`, "middle"),
        ];
    }

    /** Window, clamp and range; named where they are not at the edge of the picture. */
    function marks(settings, box, x, y) {
        const dashed = {"stroke": "currentColor", "stroke-width": 1, "stroke-dasharray": "4 3", "opacity": 0.7};
        const right = box.left + box.width;
        const bottom = box.top + box.height;
        const found = [];
        const upright = (name, u, anchor, at) => found.push(
            line(x(u), box.top, x(u), bottom, {...dashed, class: `itermix-${name}`}),
            label(x(u) + (anchor === "end" ? -3 : 3), at, `${name} ${u}`, anchor),
        );
        const level = (name, c1, at) => found.push(
            line(box.left, y(c1), right, y(c1), {...dashed, class: `itermix-${name}`}),
            label(right - 4, at, `${name} ${c1}`, "end"),
        );
        if (settings.clamp < 1) { // what lies behind it is not mixed
            found.push(shape("rect", {
                "x": x(settings.clamp), "y": box.top, "width": right - x(settings.clamp), "height": box.height,
                "fill": "currentColor", "opacity": 0.1,
            }));
            upright("clamp", settings.clamp, settings.clamp > 0.8 ? "end" : "start", y(0.5) + FONT / 3);
        }
        // Start and stop are named above the plot, away from each other, as far as the picture's edges let them.
        if (settings.start > 0) {
            upright("start", settings.start, settings.start < 0.15 ? "start" : "end", box.top - 5);
        }
        if (settings.stop < 1) {
            upright("stop", settings.stop, settings.stop > 0.85 ? "end" : "start", box.top - 5);
        }
        if (settings.minimum > 0) {
            level("minimum", settings.minimum, y(settings.minimum) + (settings.minimum < 0.12 ? -4 : FONT + 2));
        }
        if (settings.maximum < 1) {
            level("maximum", settings.maximum, y(settings.maximum) + (settings.maximum > 0.88 ? FONT + 2 : -4));
        }
        return found;
    }

    function line(x1, y1, x2, y2, attributes) {
        return shape("line", {x1, y1, x2, y2, ...attributes});
    }

    /** Text with an edge of the background's colour, so that lines behind it do not cross it out. */
    function label(x, y, text, anchor) {
        const node = shape("text", {x, y, "text-anchor": anchor}, [String(text)]);
        node.style.cssText = `paint-order: stroke; stroke: ${BEHIND}; stroke-width: 3px;`;
        return node;
    }

    function shape(name, attributes, children) {
        return fill(document.createElementNS(NAMESPACE, name), attributes, children);
    }

    function element(name, attributes, children) {
        return fill(document.createElement(name), attributes, children);
    }

    function fill(node, attributes, children) {
        for (const [name, value] of Object.entries(attributes)) {
            node.setAttribute(name, value);
        }
        node.append(...(children || []));
        return node;
    }

    // --- when to look

    let started = false;

    function start() {
        if (started) {
            return;
        }
        started = true;
        // The frame after an event: gradio has then written a moved slider's value into its number field.
        const soon = () => requestAnimationFrame(refresh);
        for (const event of ["input", "change", "click", "keyup"]) {
            root().addEventListener(event, soon, true);
        }
        // A preset, a pasted infotext and a resized window change values without any event on the inputs.
        setInterval(refresh, LOOK_EVERY);
        refresh();
    }

    if (typeof onUiLoaded === "function") {
        onUiLoaded(start);
    } else if (document.readyState === "loading") {
        document.addEventListener("DOMContentLoaded", start);
    } else {
        start();
    }
    if (typeof onAfterUiUpdate === "function") {
        onAfterUiUpdate(refresh);
    }
})();
