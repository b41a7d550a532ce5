/**
 * A mixing mask drawn on the page: a canvas of the picture's shape below the mask's field, there once it is asked for.
 * What is drawn goes to the server as a PNG after each stroke, and into the field as if it had been uploaded
 * (itermix/ui/mask.py).
 */
(function () {
    "use strict";

    const LONGEST = 512; // pixels of the longer side of what is drawn; a pixel of a latent is 8 of the picture's
    const SHAPELESS = 512; // where the page has no width or height
    const SHADE = "#404040"; // what is drawn on where there is no picture
    const [PICTURE, HELD] = [0.45, 0.55]; // how bright the picture is shown, and how much brighter what is white

    // --- shapes and strokes

    /** The size of the canvas for a picture. */
    function canvasSize(width, height) {
        const scale = LONGEST / Math.max(width, height);
        return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    }

    /** The part of a picture, [x, y, width, height], that fills a shape: all of it, or its middle in the shape's ratio. */
    function filling(width, height, shape, isStretched) {
        if (isStretched) {
            return [0, 0, width, height];
        }
        const scale = Math.min(width / shape[0], height / shape[1]);
        const [across, down] = shape.map((side) => side * scale);
        return [(width - across) / 2, (height - down) / 2, across, down];
    }

    /** RGBA bytes as a mask is read on the server: the alpha channel where that says anything, else the brightness. */
    function toGrey(bytes) {
        const hasAlpha = bytes.some((value, at) => at % 4 === 3 && value < 255);
        for (let at = 0; at < bytes.length; at += 4) {
            const brightness = (bytes[at] * 299 + bytes[at + 1] * 587 + bytes[at + 2] * 114) / 1000;
            bytes.fill(hasAlpha ? bytes[at + 3] : Math.round(brightness), at, at + 3);
            bytes[at + 3] = 255;
        }
        return bytes;
    }

    function drawStroke(context, stroke) {
        const [first, ...others] = stroke.points;
        context.strokeStyle = stroke.frees ? "black" : "white";
        context.lineWidth = stroke.width;
        context.lineCap = context.lineJoin = "round";
        context.beginPath();
        context.moveTo(...first);
        for (const point of others.length ? others : [first]) { // one point is a dot
            context.lineTo(...point);
        }
        context.stroke();
    }

    // --- what the page has

    function root() {
        return typeof gradioApp === "function" ? gradioApp() : document;
    }

    function field(tab, name) {
        return root().querySelector(`#itermix_${tab}_${name}`);
    }

    function pictureShape(tab) {
        return ["width", "height"].map((side) => {
            const input = root().querySelector(`#${tab}_${side} input[type=number]`);
            return (input && Number(input.value)) || SHAPELESS;
        });
    }

    function isStretched(tab) {
        const fit = root().querySelector(`#itermix_${tab}_reference_fit input`);
        return Boolean(fit) && fit.value === "stretch";
    }

    /** What the mask lies over, as far as the page shows it: img2img's picture, the reference, the last result. */
    function backgroundOf(tab) {
        const places = ["#img2img_image img", "#img2maskimg img"].filter(() => tab === "img2img");
        places.push(`#itermix_${tab}_reference_image img`, `#${tab}_gallery img`);
        const found = places.flatMap((place) => [...root().querySelectorAll(place)]);
        return found.find((image) => image.naturalWidth > 0) || null;
    }

    // --- the canvas

    function newCanvas(shape) {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = shape;
        return canvas;
    }

    function filled(canvas, image, stretched) {
        const context = canvas.getContext("2d");
        const [width, height] = [image.naturalWidth, image.naturalHeight];
        const part = filling(width, height, [canvas.width, canvas.height], stretched);
        context.drawImage(image, ...part, 0, 0, canvas.width, canvas.height);
        return context;
    }

    /** The mask that is in the field, as grey; black without one. */
    function maskInField(tab, shape) {
        const canvas = newCanvas(shape);
        const image = root().querySelector(`#itermix_${tab}_mask_image img`);
        if (image && image.naturalWidth > 0) {
            const context = filled(canvas, image, isStretched(tab));
            const pixels = context.getImageData(0, 0, ...shape);
            toGrey(pixels.data);
            context.putImageData(pixels, 0, 0);
        } else {
            canvas.getContext("2d").fillRect(0, 0, ...shape);
        }
        return canvas;
    }

    /** One tab's drawing: what it began with, the strokes since, and the canvas that shows them over the picture. */
    class Drawing {
        constructor(tab) {
            this.tab = tab;
            this.shape = canvasSize(...pictureShape(tab));
            this.base = maskInField(tab, this.shape);
            this.mask = newCanvas(this.shape);
            this.shown = newCanvas(this.shape);
            this.background = backgroundOf(tab);
            this.strokes = [];
            this.stroke = null; // under way
            this.width = 0; // of a stroke, as a share of the shorter side
            this.frees = false;
            this.show();
        }

        show() {
            const mask = this.mask.getContext("2d");
            mask.drawImage(this.base, 0, 0);
            for (const stroke of this.stroke ? [...this.strokes, this.stroke] : this.strokes) {
                drawStroke(mask, stroke);
            }
            const context = this.shown.getContext("2d");
            Object.assign(context, {globalAlpha: 1, globalCompositeOperation: "source-over", fillStyle: SHADE});
            context.fillRect(0, 0, ...this.shape);
            if (this.background) {
                context.fillStyle = "black";
                context.fillRect(0, 0, ...this.shape);
                context.globalAlpha = PICTURE;
                filled(this.shown, this.background, false);
            }
            Object.assign(context, {globalAlpha: HELD, globalCompositeOperation: "lighter"});
            context.drawImage(this.mask, 0, 0);
        }

        pointOf(event) {
            const box = this.shown.getBoundingClientRect();
            return [(event.clientX - box.left) / box.width * this.shape[0],
                (event.clientY - box.top) / box.height * this.shape[1]];
        }

        begin(event) {
            if (event.button === 0) {
                this.shown.setPointerCapture(event.pointerId);
                const width = this.width * Math.min(...this.shape);
                this.stroke = {frees: this.frees !== event.shiftKey, width, points: [this.pointOf(event)]};
                this.show();
            }
        }

        move(event) {
            if (this.stroke) {
                const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
                this.stroke.points.push(...(passed.length ? passed : [event]).map((one) => this.pointOf(one)));
                this.show();
            }
        }

        end() {
            if (this.stroke) {
                this.strokes.push(this.stroke);
                this.stroke = null;
                this.hand();
            }
        }

        undo() {
            if (this.strokes.pop()) {
                this.hand();
            }
        }

        fill(colour) {
            this.strokes = [];
            const context = this.base.getContext("2d");
            context.fillStyle = colour;
            context.fillRect(0, 0, ...this.shape);
            this.hand();
        }

        /** To the field. */
        hand() {
            this.show();
            field(this.tab, "mask_drawn").click();
        }
    }

    // --- the tools

    /** The tools of itermix/ui/mask.py, tied to a drawing. */
    function toolsOf(drawing, template) {
        const tools = template.content.cloneNode(true);
        const tool = (name) => tools.querySelector(`[data-tool=${name}]`);
        tool("brush").addEventListener("input", (event) => {
            drawing.width = Number(event.target.value);
        });
        tool("black").addEventListener("change", (event) => {
            drawing.frees = event.target.checked;
        });
        tool("undo").addEventListener("click", () => drawing.undo());
        tool("all_black").addEventListener("click", () => drawing.fill("black"));
        tool("all_white").addEventListener("click", () => drawing.fill("white"));
        drawing.width = Number(tool("brush").value);
        return tools;
    }

    const drawings = {}; // by tab, of canvases that are open

    /** Opens the canvas of a tab, with what is in the field; closes it where it is open. */
    function drawMask(tab) {
        const place = field(tab, "mask_canvas").querySelector(".itermix-mask-place");
        if (drawings[tab]) {
            delete drawings[tab];
            place.replaceChildren();
            return;
        }
        const drawing = drawings[tab] = new Drawing(tab);
        const {shown} = drawing;
        shown.style.cssText = "display: block; max-width: 100%; max-height: 70vh; touch-action: none; cursor: crosshair;";
        for (const [name, act] of Object.entries({pointerdown: "begin", pointermove: "move", pointerup: "end",
            pointercancel: "end"})) {
            shown.addEventListener(name, (event) => drawing[act](event));
        }
        place.append(toolsOf(drawing, field(tab, "mask_canvas").querySelector("template")), shown);
    }

    /** What is drawn on a tab, as a PNG in a data URL. */
    function drawnMask(tab) {
        return [drawings[tab].mask.toDataURL("image/png")];
    }

    globalThis.itermix = Object.assign(globalThis.itermix || {},
        {drawMask, drawnMask, canvasSize, filling, toGrey, drawStroke});
})();
