/**
 * What the host's own fields say, for buttons of ours that depend on it: a script's events are given its own alone.
 */
(function () {
    "use strict";

    /** The values as they are, but for the last one, which becomes JSON text: [seed, prompt, negative prompt]. */
    function withPage(tab, ...values) {
        const root = typeof gradioApp === "function" ? gradioApp() : document;
        const text = (selector) => (root.querySelector(selector) || {value: ""}).value;
        const seed = parseInt(text(`#${tab}_seed input`), 10);
        const page = [isNaN(seed) ? -1 : seed, text(`#${tab}_prompt textarea`), text(`#${tab}_neg_prompt textarea`)];
        return [...values.slice(0, -1), JSON.stringify(page)];
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {withPage});
})();
