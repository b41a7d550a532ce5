/**
 * Sliders with even steps in the logarithm, for numbers whose useful values reach over magnitudes: each is tied to the
 * number field that itermix/ui/fields.py has put beside it, which is what the host is given. A number beyond the ends
 * leaves the slider at that end.
 */
(function () {
    "use strict";

    const LOOK_EVERY = 250; // ms
    const DIGITS = 2; // that a slider gives; the field takes more

    /** The number at a place from 0 to 1. */
    function numberAt(place, low, high) {
        return Number((low * (high / low) ** place).toPrecision(DIGITS));
    }

    /** The place of a number, from 0 to 1. */
    function placeOf(number, low, high) {
        const clipped = Math.min(Math.max(number, low), high);
        return Math.log(clipped / low) / Math.log(high / low);
    }

    /** Where a slider is to be: where it is, if that stands for the number, so that it does not move under a hand. */
    function followed(place, number, low, high) {
        return numberAt(place, low, high) === number ? place : placeOf(number, low, high);
    }

    function root() {
        return typeof gradioApp === "function" ? gradioApp() : document;
    }

    /** The parts of a slider: its own input, the number's field, and its ends. */
    function partsOf(slider) {
        const field = root().querySelector(`#${slider.dataset.number} input[type=number]`);
        return [slider.querySelector("input"), field, Number(slider.dataset.low), Number(slider.dataset.high)];
    }

    function moved(event) {
        const slider = event.target.closest && event.target.closest(".itermix-slider");
        if (!slider) {
            return;
        }
        const [range, field, low, high] = partsOf(slider);
        if (field) {
            field.value = numberAt(Number(range.value), low, high);
            field.dispatchEvent(new Event("input", {bubbles: true}));
        }
    }

    function follow() {
        for (const slider of root().querySelectorAll(".itermix-slider")) {
            const [range, field, low, high] = partsOf(slider);
            if (field && field.value !== "") {
                const place = followed(Number(range.value), Number(field.value), low, high);
                if (place !== Number(range.value)) {
                    range.value = place;
                }
            }
        }
    }

    let started = false;

    function start() {
        if (!started) {
            started = true;
            root().addEventListener("input", moved);
            setInterval(follow, LOOK_EVERY); // a preset and a pasted infotext bring no event
            follow();
        }
    }

    if (typeof onUiLoaded === "function") {
        onUiLoaded(start);
    } else if (typeof document !== "undefined") {
        if (document.readyState === "loading") {
            document.addEventListener("DOMContentLoaded", start);
        } else {
            start();
        }
    }
    globalThis.itermix = Object.assign(globalThis.itermix || {}, {numberAt, placeOf, followed});
})();
