/**
 * The numbers of the live curve: the weight of the reference over a run, as itermix/mixing/curve.py has them.
 *
 * Pure functions of plain objects; nothing here knows the page (itermix_curve_view.js does). The host loads every
 * file of this folder as a plain script, so all that others may call is put on one object, `itermix`.
 */
(function () {
    "use strict";

    const STEEPNESS_PER_ALPHA = 5; // the node pack's logistic
    const FREQUENCY_BLENDS = ["two bands", "low-pass"];
    const LARGEST_DENOISE = 0.999; // what the hosts take a denoising strength of 1 for

    /**
     * c1 at the start of each step, as `curve.weights`: settings by field name -> array of `steps` numbers.
     *
     * progress: u of each step by noise level; used where the settings ask for that. Without it the steps are taken
     * as evenly spaced in the timestep, u = i/steps: the true u needs the host's schedule, which the page does not
     * have (on Karras and exponential schedules the middle steps lie further right on the same curve).
     */
    function weights(settings, steps, progress) {
        const byStep = Array.from({length: steps}, (_, i) => i / steps);
        const u = !progress || settings.progress === "step" ? byStep : progress;
        return u.map((at) => weight(settings, at));
    }

    /** c1 at progress u in [0, 1]. */
    function weight(settings, u) {
        if (settings.clamp < 1 && u >= settings.clamp) {
            return 0;
        }
        const within = between((u - settings.start) / (settings.stop - settings.start), 0, 1);
        const falling = CURVES[settings.curve](within, settings.alpha_1);
        return settings.minimum + (settings.maximum - settings.minimum) * falling;
    }

    /** The weight of what the reference is too blurred to know, as `curve.high_weight`; only two bands has one. */
    function highWeight(settings, c1) {
        return c1 ** settings.high_exponent;
    }

    /** c1 = ((1 + cos(pi u)) / 2)^alpha_1 */
    function cosine(u, alpha) {
        return between((1 + Math.cos(Math.PI * u)) / 2, 0, 1) ** alpha;
    }

    const CURVES = {
        "cosine": cosine,
        "cosine (node pack)": (u, alpha) => 1 - cosine(1 - u, alpha),
        "linear": (u) => 1 - u,
        "logistic": (u, alpha) => 1 / (1 + Math.exp(STEEPNESS_PER_ALPHA * alpha * (u - 0.5))),
    };

    /** Why these settings would be refused, in the words of settings.py; null where they are allowed. */
    function fault(settings) {
        if (settings.start >= settings.stop) {
            return `Curve start, ${settings.start}, must be below Curve stop, which is ${settings.stop}.`;
        }
        if (settings.minimum > settings.maximum) {
            return `Minimum weight, ${settings.minimum}, must not exceed Maximum weight, which is ${settings.maximum}.`;
        }
        return null;
    }

    /**
     * The pass that is mixed: {name, steps, progress, nothing}.
     *
     * host: what the page says: {img2img, steps, denoise, fixSteps, sampler, uploaded, hires}, uploaded: whether there
     * is a reference image, hires: {steps, denoise, sampler}, or null where it is off.
     * steps: how many the pass really makes, null where the sampler decides; progress: u of each by noise level;
     * nothing: why nothing would be mixed, or null.
     */
    function pass(settings, host) {
        const first = settings.passes === "first pass";
        if (host.img2img) {
            const made = madeOf(host.steps, host.denoise, host.fixSteps);
            const nothing = settings.passes === "hires pass" ? "img2img has no hires pass (Passes)." : null;
            return described("img2img", made, host.sampler, nothing);
        }
        if (host.hires && !first) {
            const denoise = settings.hires_denoise > 0 ? settings.hires_denoise : host.hires.denoise;
            const made = madeOf(host.hires.steps || host.steps, denoise, true);
            return described("hires pass", made, host.hires.sampler || host.sampler, null);
        }
        let nothing = null;
        if (settings.passes === "hires pass") {
            nothing = "Hires. fix is off, so there is no hires pass.";
        } else if (!host.uploaded) {
            nothing = "The first pass has no reference: turn on Hires. fix or upload a reference image.";
        }
        return described("first pass", madeOf(host.steps, 1, true), host.sampler, nothing);
    }

    /** {steps, of}: steps that are made, the last ones of a schedule of `of` (the hosts' `setup_img2img_steps`). */
    function madeOf(asked, denoise, all) {
        if (!(asked > 0)) {
            return {steps: null, of: null};
        }
        const strength = Math.min(denoise, LARGEST_DENOISE);
        if (all) {
            return {steps: asked, of: strength > 0 ? Math.trunc(asked / strength) : asked};
        }
        return {steps: Math.trunc(strength * asked) + 1, of: asked};
    }

    function described(name, made, sampler, nothing) {
        if (made.steps === null || sampler === "DPM adaptive") { // chooses its steps as it goes
            return {name, steps: null, progress: [], nothing};
        }
        const skipped = Math.max(made.of - made.steps, 0);
        const progress = Array.from({length: made.steps}, (_, i) => (skipped + i) / (skipped + made.steps));
        return {name, steps: made.steps, progress, nothing};
    }

    /** The run in one line: how many steps are mixed, and the first and the last weight of those. */
    function summary(settings, run) {
        if (run.nothing) {
            return `Nothing is mixed. ${run.nothing}`;
        }
        if (run.steps === null) {
            return `${run.name}: the sampler chooses its own number of steps.`;
        }
        const mixed = weights(settings, run.steps, run.progress).filter((c1) => c1 !== 0);
        if (!mixed.length) {
            return `${run.name}: nothing is mixed, the weight is 0 at every step.`;
        }
        const [from, to] = [mixed[0], mixed[mixed.length - 1]].map((c1) => c1.toFixed(3));
        return `${run.name}: ${mixed.length} of ${run.steps} steps mixed, weight ${from} to ${to}.`;
    }

    /** Where the frequencies are split. scale: how many times the reference is enlarged, null where not known yet. */
    function split(settings, scale) {
        const blend = settings.blend;
        if (!FREQUENCY_BLENDS.includes(blend)) {
            return `${blend}: mixes all frequencies.`;
        }
        const rest = blend === "two bands" ? "; finer detail by the dashed line" : "";
        if (scale === null) {
            return `${blend}: mixes what the reference can know, found from its size${rest}.`;
        }
        if (scale <= 1) {
            return `${blend}: mixes all frequencies, as the reference is not enlarged.`;
        }
        return `${blend}: mixes what a reference enlarged ${+scale.toFixed(2)} times can know${rest}.`;
    }

    function between(value, low, high) {
        return Math.min(Math.max(value, low), high);
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {weights, weight, highWeight, fault, pass, summary, split});
})();
