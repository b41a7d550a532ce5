/**
 * What the live curve is drawn of: the accordion's and the host's own inputs on the page, and the noise levels of the
 * run, which only the host knows (itermix/webui/levels.py, or the standalone's page).
 */
(function () {
    "use strict";

    const LASTS = 30000; // ms: the model may be changed, or an option of the schedules
    const ASK_AGAIN = 3000; // ms, where the host could not say

    function root() {
        return typeof gradioApp === "function" ? gradioApp() : document;
    }

    /** Settings by field name from the accordion's inputs; fields: {name: {kind, default, choices}}. */
    function settingsOf(tab, fields) {
        const settings = {};
        for (const [name, field] of Object.entries(fields)) {
            settings[name] = valueOf(`#itermix_${tab}_${name}`, field);
        }
        const isOn = root().querySelector(`#itermix_${tab}-visible-checkbox`); // of the host's accordion
        settings.enabled = isOn ? isOn.checked : settings.enabled;
        return settings;
    }

    function valueOf(selector, field) {
        if (field.kind === "switch") {
            const box = root().querySelector(`${selector} input[type=checkbox]`);
            return box ? box.checked : field.default;
        }
        if (field.kind === "number") {
            const value = numberOf(selector);
            // A number that is being typed may be out of range for a moment; gradio clips it when it is done.
            return value === null ? field.default : Math.min(Math.max(value, field.minimum), field.maximum);
        }
        const chosen = textOf(selector);
        return field.choices.includes(chosen) ? chosen : field.default;
    }

    function hostOf(tab) {
        const isHires = root().querySelector("#txt2img_hr-visible-checkbox, #txt2img_hr input[type=checkbox]");
        const hires = tab === "txt2img" && isHires && isHires.checked;
        const own = (selector) => {
            const chosen = textOf(selector);
            return chosen && !chosen.startsWith("Use same") ? chosen : null;
        };
        return {
            img2img: tab === "img2img",
            steps: numberOf(`#${tab}_steps`),
            width: numberOf(`#${tab}_width`),
            height: numberOf(`#${tab}_height`),
            denoise: numberOf(`#${tab}_denoising_strength`),
            sampler: textOf(`#${tab}_sampling`),
            scheduler: textOf(`#${tab}_scheduler`),
            shift: numberOf(`#${tab}_distilled_cfg_scale`), // the same slider in Forge Neo
            checkpoint: textOf("#setting_sd_model_checkpoint") || "",
            uploaded: Boolean(root().querySelector(`#itermix_${tab}_reference_image img`)),
            hires: hires ? {
                steps: numberOf("#txt2img_hires_steps"),
                denoise: numberOf("#txt2img_denoising_strength"),
                sampler: own("#hr_sampler"),
                scheduler: own("#hr_scheduler"),
                shift: numberOf("#txt2img_hr_distilled_cfg"),
                checkpoint: own("#hr_checkpoint"),
                scale: hiresScale(),
            } : null,
        };
    }

    /** As the hosts do: "resize to" wins over "upscale by"; what is then too much is cut off. */
    function hiresScale() {
        const share = (side) => (numberOf(`#txt2img_hr_resize_${side[0]}`) || 0) / numberOf(`#txt2img_${side[1]}`);
        return Math.max(...[["x", "width"], ["y", "height"]].map(share)) || numberOf("#txt2img_hr_scale");
    }

    /** How many times the reference is enlarged, null where only the run will know. */
    function scaleOf(settings, host, run) {
        if (settings.reference_scale > 0) {
            return settings.reference_scale;
        }
        return run.name === "hires pass" && settings.reference === "automatic" ? host.hires.scale : null;
    }

    function numberOf(selector) {
        const input = root().querySelector(`${selector} input[type=number]`);
        return input && input.value !== "" && isFinite(input.value) ? Number(input.value) : null;
    }

    /** The choice of a dropdown or of radio buttons. */
    function textOf(selector) {
        const input = root().querySelector(`${selector} input:checked`) || root().querySelector(`${selector} input`);
        return input ? input.value : null;
    }

    // --- what the server says

    const told = new Map(); // by question: {answer, until}
    let isAsking = false;

    /** The route's answer, null until it is there; `changed` is called when it comes. An old one holds meanwhile. */
    function levelsOf(asked, changed) {
        if (!(asked.steps > 0) || Object.values(asked).includes(null)) {
            return null;
        }
        const question = new URLSearchParams(asked).toString();
        const known = told.get(question);
        if (!isAsking && !(known && Date.now() < known.until)) {
            ask(question, changed);
        }
        return known ? known.answer : null;
    }

    async function ask(question, changed) {
        isAsking = true;
        let answer = null;
        try {
            const response = await fetch(`itermix/v1/page/levels?${question}`);
            answer = response.ok ? await response.json() : null;
        } catch (error) {
            // The server is away; the curve says that it was not told.
        }
        isAsking = false;
        told.set(question, {answer, until: Date.now() + (answer && answer.progress ? LASTS : ASK_AGAIN)});
        changed();
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {settingsOf, hostOf, scaleOf, levelsOf});
})();
