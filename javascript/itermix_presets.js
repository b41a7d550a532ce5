/**
 * Presets without a round trip to the server: the values of a chosen one, and the name of the one that the fields
 * are at. itermix/ui/presets.py calls these with the components' values.
 *
 * stored: JSON text {"presets": [[name, [values in the order of the fields]], ...], "custom": the name of none}
 */
(function () {
    "use strict";

    const SAME = 1e-9; // a slider's numbers are sums of its steps

    /** The name for the fields: the chosen preset's if they are at it, else that of the first that they are at. */
    function presetOf(stored, chosen, ...values) {
        const {presets, custom} = JSON.parse(stored);
        const matching = presets.filter(([, wanted]) => wanted.every((value, i) => same(value, values[i])));
        const names = matching.map(([name]) => name);
        return names.includes(chosen) ? chosen : names.length ? names[0] : custom;
    }

    /** The fields' values after a choice; as they were where the choice is no preset. */
    function presetValues(stored, chosen, ...values) {
        const found = JSON.parse(stored).presets.find(([name]) => name === chosen);
        return found ? found[1] : values;
    }

    function same(a, b) {
        return typeof a === "number" ? typeof b === "number" && Math.abs(a - b) < SAME : a === b;
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {presetOf, presetValues});
})();
