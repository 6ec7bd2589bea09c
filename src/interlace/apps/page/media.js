// Inputs for pictures, sounds and videos: chosen, dropped, pasted or recorded.

import { announce, freshId, make } from "./dom.js";
import { decode, drawSpectrogram, encodeWav, RATE } from "./sound.js";

const KINDS = {
  image: { word: "picture", accept: "image/*", take: "Camera", capture: "environment" },
  audio: { word: "sound", accept: "audio/*", take: "Record" },
  video: { word: "video", accept: "video/*", take: "Camera", capture: "environment" },
};
const MOST_PIXELS = 4e6; // a photo of more is reduced before it is sent; no encoder here reads as many
const LONGEST_SIDE = 2048;
const MOST_SECONDS = 60; // of a recording

/** Return the bytes of a blob in base64. */
export const base64 = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
  reader.onerror = () => reject(new Error("The file can no longer be read; choose it again."));
  reader.readAsDataURL(blob);
});

/** An input of one picture, sound or video. `blob`: what is sent, null if none; `onchange` is called with it. */
export class MediaInput {
  constructor(kind, label, onchange) {
    Object.assign(this, { kind, label, onchange, blob: null, samples: null });
    this.kindOf = KINDS[kind];
    this.element = this.build();
  }

  build() {
    const { word, accept } = this.kindOf, id = freshId("media");
    this.preview = make("div", { class: "preview" });
    this.words = make("p", { class: "note", id: `${id}-words` });
    this.input = make("input", {
      type: "file", id, accept, class: "spoken",
      "aria-describedby": `${id}-words`, "aria-label": `${this.label}: choose a file`,
    });
    this.input.addEventListener("change", () => this.input.files.length && this.use(this.input.files[0]));
    const button = (label, words, onclick) =>
      make("button", { type: "button", hidden: true, "aria-label": `${label} the ${word}`, onclick }, words);
    this.player = button("Play", "Play", () => this.play());
    this.removal = button("Remove", "✕", () => this.clear(true));
    const element = make("fieldset", { class: "drop" },
      make("legend", {}, this.label), this.preview, this.words,
      make("div", { class: "row" },
        this.input, make("label", { class: "button", for: id }, "Choose"), this.taking(id), this.player, this.removal));
    element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("over"); });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("over");
      if (event.dataTransfer.files.length) this.use(event.dataTransfer.files[0]);
    });
    this.tell();
    return element;
  }

  /** The control that takes a picture with a phone's camera, or records a sound; null where nothing can. */
  taking(id) {
    const { take, capture, accept } = this.kindOf;
    if (this.kind === "audio") {
      if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return null;
      const onclick = () => this.record();
      this.recordButton = make("button", { type: "button", "aria-pressed": "false", onclick }, take);
      return this.recordButton;
    }
    if (!matchMedia("(pointer: coarse)").matches) return null;
    const camera = make("input", { type: "file", id: `${id}-camera`, accept, capture, class: "spoken" });
    camera.addEventListener("change", () => camera.files.length && this.use(camera.files[0]));
    return [camera, make("label", { class: "button", for: `${id}-camera` }, take)];
  }

  tell(words, wrong = false) {
    const none = this.kind === "image" ? "None yet; drop or paste one here." : "None yet; drop one here.";
    this.words.textContent = words ?? none;
    this.words.classList.toggle("error", wrong);
    if (words) announce(`${this.label}: ${words}`);
    this.removal.hidden = !this.blob;
    this.player.hidden = !this.blob || this.kind === "image";
    this.element?.classList.toggle("filled", Boolean(this.blob));
  }

  clear(focus = false) {
    this.blob = this.samples = null;
    this.input.value = "";
    this.media?.pause();
    this.media = null;
    URL.revokeObjectURL(this.url);
    this.preview.replaceChildren();
    this.tell();
    if (focus) this.input.focus();
    this.onchange();
  }

  /** Take a file, or tell why it cannot be taken. */
  async use(file) {
    const { word } = this.kindOf;
    this.clear();
    if (file.type && !file.type.startsWith(`${this.kind}/`)) return this.tell(`${file.name} is no ${word}.`, true);
    try {
      const found = await { image: picture, audio: sound, video }[this.kind](file);
      Object.assign(this, found);
    } catch {
      return this.tell(`${file.name} cannot be read as a ${word} by this browser.`, true);
    }
    this.url = URL.createObjectURL(this.blob);
    this.show();
    this.tell(`${file.name}, ${this.size}`);
    this.onchange();
  }

  show() {
    if (this.kind === "image") {
      const small = this.width < 128 ? "pixels" : "";
      const alt = `The ${this.label.toLowerCase()} to ask about`;
      this.preview.replaceChildren(make("img", { src: this.url, class: small, alt }));
      return;
    }
    this.media = make(this.kind, { src: this.url, muted: this.kind === "video", "aria-label": this.label });
    this.media.addEventListener("pause", () => { this.player.textContent = "Play"; });
    this.media.addEventListener("play", () => { this.player.textContent = "Pause"; });
    if (this.kind === "video") return this.preview.replaceChildren(this.media);
    const canvas = make("canvas", { width: 240, height: 96, role: "img", "aria-label": "Its spectrogram" });
    drawSpectrogram(canvas, this.samples);
    this.preview.replaceChildren(canvas);
  }

  play() {
    if (this.media.paused) this.media.play();
    else this.media.pause();
  }

  async record() {
    if (this.recorder) return this.recorder.stop();
    let microphone;
    try {
      microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      return this.tell("The browser gives no microphone; allow it for this page, or choose a file.", true);
    }
    const pieces = [], recorder = (this.recorder = new MediaRecorder(microphone));
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.onstop = async () => {
      clearTimeout(limit);
      for (const track of microphone.getTracks()) track.stop();
      this.recorder = null;
      this.recordButton.textContent = this.kindOf.take;
      this.recordButton.setAttribute("aria-pressed", "false");
      await this.use(new File(pieces, "The recording", { type: recorder.mimeType }));
    };
    const limit = setTimeout(() => recorder.state === "recording" && recorder.stop(), 1000 * MOST_SECONDS);
    recorder.start();
    this.recordButton.textContent = "Stop";
    this.recordButton.setAttribute("aria-pressed", "true");
    this.tell(`Recording, at most ${MOST_SECONDS} s …`);
  }

  /** Return the part of a message that holds the file. */
  async part() {
    const data = await base64(this.blob);
    if (this.kind === "audio") return { type: "input_audio", input_audio: { data, format: this.format } };
    return { type: `${this.kind}_url`, [`${this.kind}_url`]: { url: `data:${this.blob.type};base64,${data}` } };
  }
}

// Formats by the first bytes, as the server tells them; the name of a file may lie.
const SIGNATURES = [
  [0, "\x89PNG", "image/png"], [0, "\xff\xd8\xff", "image/jpeg"], [0, "GIF8", "image/gif"], [8, "WEBP", "image/webp"],
  [0, "BM", "image/bmp"], [8, "WAVE", "audio/wav"], [0, "ID3", "audio/mp3"], [0, "\xff\xfb", "audio/mp3"],
  [0, "\xff\xf3", "audio/mp3"], [0, "\xff\xf2", "audio/mp3"], [0, "fLaC", "audio/flac"], [0, "OggS", "audio/ogg"],
];

/** Return the type of a file by its content, null for a format that the server may not read. */
const typeOf = async (file) => {
  const start = String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  return SIGNATURES.find(([offset, bytes]) => start.startsWith(bytes, offset))?.[2] ?? null;
};

const bytesOf = (blob) => (blob.size < 1e6 ? `${Math.ceil(blob.size / 1e3)} kB` : `${(blob.size / 1e6).toFixed(1)} MB`);

/** A picture goes as it is; one of more pixels, or in a format that only the browser reads, is drawn anew. */
const picture = async (file) => {
  const bitmap = await createImageBitmap(file), { width, height } = bitmap;
  const type = await typeOf(file), large = width * height > MOST_PIXELS;
  if (type && !large) {
    return { blob: file.slice(0, file.size, type), width, height, size: `${width} × ${height}, ${bytesOf(file)}` };
  }
  const scale = large ? LONGEST_SIDE / Math.max(width, height) : 1;
  const [wide, high] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = make("canvas", { width: wide, height: high });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, wide, high);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, large ? "image/jpeg" : "image/png", 0.92));
  const size = large ? `reduced from ${width} × ${height} to ${wide} × ${high}` : `${width} × ${height}, as PNG`;
  return { blob, width: wide, height: high, size };
};

/** A sound goes as it is; one in a format that only the browser reads, such as a recording, is sent as WAV. */
const sound = async (file) => {
  const samples = await decode(file), type = await typeOf(file);
  const blob = type ? file.slice(0, file.size, type) : encodeWav(samples);
  const format = blob.type.replace("audio/", "");
  return { blob, samples, format, size: `${(samples.length / RATE).toFixed(1)} s, ${bytesOf(blob)}` };
};

const video = async (file) => ({ blob: file, size: bytesOf(file) });
