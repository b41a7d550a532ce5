/**
 * Shows the films of Latent Sequence under the gallery: a host's gallery has pictures alone. itermix/webui names each
 * film in the comments of the run, and lets the host hand out that file; with the next run's comments it is gone.
 */
(function () {
    "use strict";

    const MARK = "Latent Sequence video: ";
    const SHOWN = /\.mp4$/i;

    /** Paths of the films that a run's comments name, one in a line. */
    function filmsIn(comments) {
        const lines = comments.split("\n").map((line) => line.trim());
        return lines.filter((line) => line.startsWith(MARK) && SHOWN.test(line)).map((line) => line.slice(MARK.length));
    }

    /** The host's address of a file, for Windows paths too. */
    function addressOf(path) {
        return "file=" + path.split(/[\\/]/).map(encodeURIComponent).join("/");
    }

    function follow(tab) {
        const root = typeof gradioApp === "function" ? gradioApp() : document;
        const comments = root.querySelector(`#html_log_${tab}`);
        if (!comments || comments.itermixFollowed) {
            return;
        }
        comments.itermixFollowed = true;
        const place = document.createElement("div");
        place.className = "itermix-films";
        comments.before(place);
        let before = "";
        new MutationObserver(() => {
            const text = comments.textContent; // innerText makes one blank of several, and a path may have them
            if (text !== before) {
                before = text;
                place.replaceChildren(...filmsIn(text).map(film));
            }
        }).observe(comments, {childList: true, subtree: true, characterData: true});
    }

    function film(path) {
        const shown = document.createElement("video");
        // A resumed sequence writes the same file again.
        Object.assign(shown, {src: `${addressOf(path)}?${Date.now()}`, controls: true, loop: true, muted: true});
        shown.style.maxWidth = "100%";
        return shown;
    }

    if (typeof onAfterUiUpdate === "function") {
        onAfterUiUpdate(() => ["txt2img", "img2img"].forEach(follow));
    }
    globalThis.itermix = Object.assign(globalThis.itermix || {}, {filmsIn, addressOf});
})();
