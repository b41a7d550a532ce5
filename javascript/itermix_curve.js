/**
 * The numbers of the live curve: the weight of the reference over a run, as itermix/mixing/curve.py has them.
 *
 * Pure functions of plain objects; nothing here knows the page (itermix_curve_view.js does). The host loads every
 * file of this folder as a plain script, so all that others may call is put on one object, `itermix`.
 */
(function () {
    "use strict";

    const STEEPNESS_PER_ALPHA = 5; // the node pack's logistic
    const UNTOLD = "the WebUI has not said where its steps are";
    const CUT = "cut (node pack)"; // the window that goes by whole steps
    const UNTOLD_STEPS = 20; // that its curve is drawn for where the run's are not known
    const SHARES = "shares of the run", PER_CENT = "per cent", STEPS = "steps"; // units of start and stop
    const LATEST = 2; // what stop may be at most
    const FREQUENCY_BLENDS = ["two bands", "low-pass"];

    /**
     * c1 at the start of each step, as `curve.weights`: settings by field name -> array of `steps` numbers.
     *
     * progress: u of each step by noise level; used where the settings ask for that. Without it the steps are taken
     * as evenly spaced in the timestep, u = i/steps.
     */
    function weights(settings, steps, progress) {
        settings = inShares(settings, steps);
        if (settings.window === CUT) {
            return Array.from({length: steps}, (_, i) => cutWeight(settings, i, steps));
        }
        const byStep = Array.from({length: steps}, (_, i) => i / steps);
        const u = !progress || settings.progress === "step" ? byStep : progress;
        return u.map((at) => weight(settings, at));
    }

    /** The settings of a run of so many steps with start and stop as shares of it, as `MixingSettings.in_shares`. */
    function inShares(settings, steps) {
        if (!settings.unit || settings.unit === SHARES) {
            return settings;
        }
        const whole = settings.unit === PER_CENT ? 100 : steps;
        let start = settings.start_at / whole, stop = Math.min((settings.stop_at || whole) / whole, LATEST);
        if (!(start < Math.min(stop, 1))) {
            [start, stop] = [1, LATEST];
        }
        return {...settings, unit: SHARES, start, stop, progress: settings.unit === STEPS ? "step" : settings.progress};
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

    /** c1 at step t, which need not be a whole one here, of a run of N, as `curve.cut_weights`. */
    function cutWeight(settings, t, N) {
        const [start, stop, clamp] = ["start", "stop", "clamp"].map((name) => Math.trunc(settings[name] * N));
        const rising = stop === 0 || t >= clamp ? 1 : RISING[settings.curve](t, settings.alpha_1, start, stop, N);
        return settings.maximum + (settings.minimum - settings.maximum) * rising;
    }

    /** c1 at progress u of a curve that is to be drawn. steps: of the run, where it is known. */
    function drawn(settings, u, steps) {
        const known = steps || UNTOLD_STEPS;
        settings = inShares(settings, known);
        return settings.window === CUT ? cutWeight(settings, u * known, known) : weight(settings, u);
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

    const within = (t, start, stop, rising) => t > stop ? 1 : t < start ? 0 : rising;
    const RISING = {
        "cosine": (t, alpha, start, stop) => t > stop ? 1 : 1 - cosine(t / stop, alpha),
        "cosine (node pack)": (t, alpha, start, stop) => t > stop ? 1 : cosine((stop - t) / stop, alpha),
        "linear": (t, alpha, start, stop) => within(t, start, stop, t / stop),
        "logistic": (t, alpha, start, stop, N) => within(
            t, start, stop,
            1 / (1 + Math.exp(-STEEPNESS_PER_ALPHA * alpha * (t - (start + stop) / 2) / Math.max(N - 1, 1))),
        ),
    };

    /** Why these settings would be refused, in the words of settings.py; null where they are allowed. */
    function fault(settings) {
        if (settings.unit && settings.unit !== SHARES) {
            return settings.stop_at && settings.start_at >= settings.stop_at
                ? `Start at, ${settings.start_at}, must be below Stop at, which is ${settings.stop_at}.` : null;
        }
        if (settings.start >= settings.stop) {
            return `Curve start, ${settings.start}, must be below Curve stop, which is ${settings.stop}.`;
        }
        return null;
    }

    /**
     * The pass that is mixed: {name, nothing, asked, other}.
     *
     * host: what the page says: {img2img, steps, denoise, sampler, scheduler, shift, checkpoint, uploaded, hires},
     * uploaded: whether there is a reference image, hires: {steps, denoise, sampler, scheduler, shift, checkpoint}, or
     * null where it is off. shift: of a flow model's schedule, where the page has one.
     * nothing: why nothing would be mixed, or null; asked: what its steps depend on, as the route `levels` takes it;
     * other: whether the pass has a checkpoint of its own, of which the route knows nothing.
     */
    function pass(settings, host) {
        const size = {width: host.width || 0, height: host.height || 0, shift: host.shift || 0};
        const model = host.checkpoint ? {checkpoint: host.checkpoint} : {};
        const own = {sampler: host.sampler, scheduler: host.scheduler || "", steps: host.steps, ...size, ...model};
        if (host.img2img) {
            const nothing = settings.passes === "hires pass" ? "img2img has no hires pass (Passes)." : null;
            return described("img2img", {...own, strength: host.denoise}, nothing);
        }
        if (host.hires && settings.passes !== "first pass") {
            const hires = host.hires;
            return described("hires pass", {
                sampler: hires.sampler || own.sampler,
                scheduler: hires.scheduler || own.scheduler,
                steps: hires.steps || own.steps,
                strength: settings.hires_denoise > 0 ? settings.hires_denoise : hires.denoise,
                width: Math.round(own.width * hires.scale),
                height: Math.round(own.height * hires.scale),
                shift: hires.shift || 0,
                ...model,
            }, null, Boolean(hires.checkpoint));
        }
        let nothing = null;
        if (settings.passes === "hires pass") {
            nothing = "Hires. fix is off, so there is no hires pass.";
        } else if (!host.uploaded) {
            nothing = "The first pass has no reference: turn on Hires. fix or upload a reference image.";
        }
        return described("first pass", {...own, strength: 1}, nothing);
    }

    function described(name, asked, nothing, other = false) {
        return {name, nothing, asked: {...asked, of: name}, other};
    }

    function isByStep(settings) {
        return settings.progress === "step" || settings.window === CUT || settings.unit === STEPS;
    }

    /** Whether it is known where each step is on the curve. levels: the route's answer, or null. */
    function isKnown(settings, levels) {
        return Boolean(levels && (levels.progress || (isByStep(settings) && levels.steps)));
    }

    /** [u, c1] of each step; none where that is not known. */
    function steps(settings, levels) {
        if (!isKnown(settings, levels)) {
            return [];
        }
        const c1 = weights(settings, levels.steps, levels.progress);
        return c1.map((value, i) => [isByStep(settings) ? i / levels.steps : levels.progress[i], value]);
    }

    /** The run in one line: how many steps are mixed, and the first and the last weight of those. */
    function summary(settings, run, levels) {
        if (run.nothing) {
            return `Nothing is mixed. ${run.nothing}`;
        }
        if (!isKnown(settings, levels)) {
            return `${run.name}: the weight goes along this curve; ${levels ? levels.why : UNTOLD}.`;
        }
        const mixed = steps(settings, levels).map(([, c1]) => c1).filter((c1) => c1 !== 0);
        if (!mixed.length) {
            return `${run.name}: nothing is mixed, the weight is 0 at every step.`;
        }
        const [from, to] = [mixed[0], mixed[mixed.length - 1]].map((c1) => c1.toFixed(3));
        const again = levels.repeats ? " The sampler makes some steps again." : "";
        const other = run.other ? " That is the loaded model's; the hires checkpoint may have other steps." : "";
        return `${run.name}: ${mixed.length} of ${levels.steps} ${levels.steps === 1 ? "step" : "steps"} mixed, weight ${from} to ${to}.${again}${other}`;
    }

    /** Where the frequencies are split. scale: how many times the reference is enlarged, null where not known yet. */
    function split(settings, scale) {
        const blend = settings.blend;
        if (!FREQUENCY_BLENDS.includes(blend)) {
            return `${blend}: mixes all frequencies.`;
        }
        const rest = blend === "two bands" ? "; finer detail by the dashed line" : "";
        if (scale === null) {
            return `${blend}: mixes the frequencies that the reference has, found from its size${rest}.`;
        }
        if (scale <= 1) {
            return `${blend}: mixes all frequencies, as the reference is not enlarged.`;
        }
        return `${blend}: mixes the frequencies that a reference enlarged ${+scale.toFixed(2)} times has${rest}.`;
    }

    function between(value, low, high) {
        return Math.min(Math.max(value, low), high);
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {}, {
        weights, weight, drawn, isByStep, highWeight, fault, pass, steps, summary, split,
    });
})();
