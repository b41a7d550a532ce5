/**
 * What the host's own fields say, for buttons of ours that depend on it: a script's events are given its own alone.
 */
(function () {
    "use strict";

    /**
     * The values of `count` fields, and behind them JSON text: [seed, prompt, negative prompt].
     *
     * values: of the inputs of an event, the last of which is only a place for that text; gradio adds the outputs'.
     */
    function withPage(tab, count, ...values) {
        const root = typeof gradioApp === "function" ? gradioApp() : document;
        const text = (selector) => (root.querySelector(selector) || {value: ""}).value;
        const seed = parseInt(text(`#${tab}_seed input`), 10);
        const page = [isNaN(seed) ? -1 : seed, text(`#${tab}_prompt textarea`), text(`#${tab}_neg_prompt textarea`)];
        return [...values.slice(0, count), JSON.stringify(page)];
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {withPage});
})();
