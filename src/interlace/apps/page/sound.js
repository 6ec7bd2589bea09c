// Sounds in the browser: decoded, written as WAV, and drawn as a spectrogram.

// The rate that speech encoders take; the server resamples to a model's own.
export const RATE = 16000;

/** Return the samples of a sound file in one channel at `RATE`, Float32Array. Throws what the browser throws. */
export const decode = async (blob) => {
  const context = new OfflineAudioContext(1, 1, RATE);
  const buffer = await context.decodeAudioData(await blob.arrayBuffer());
  const samples = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const values = buffer.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) samples[i] += values[i] / buffer.numberOfChannels;
  }
  return samples;
};

/** Return samples in [-1, 1] as a WAV file of 16 bits (RIFF, one chunk of PCM). */
export const encodeWav = (samples, rate = RATE) => {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const write = (at, letters) => [...letters].forEach((each, i) => view.setUint8(at + i, each.charCodeAt(0)));
  write(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); write(8, "WAVE");
  write(12, "fmt "); view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data"); view.setUint32(40, 2 * samples.length, true);
  for (let i = 0; i < samples.length; i++) {
    view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767), true);
  }
  return new Blob([view], { type: "audio/wav" });
};

/** Transform (real, imaginary), each of 2^k values, by the Fourier transform in place (Cooley and Tukey, radix 2). */
export const transform = (real, imaginary) => {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / span, cosine = Math.cos(angle), sine = Math.sin(angle);
      for (let i = k; i < size; i += span) {
        const j = i + half;
        const x = real[j] * cosine - imaginary[j] * sine, y = real[j] * sine + imaginary[j] * cosine;
        real[j] = real[i] - x; imaginary[j] = imaginary[i] - y;
        real[i] += x; imaginary[i] += y;
      }
    }
  }
};

const WINDOW = 512; // 32 ms

/** Return `columns` spectra in decibels below the loudest, Float32Array of WINDOW / 2 each, low frequencies first. */
export const spectrogram = (samples, columns) => {
  const found = [];
  let loudest = -Infinity;
  for (let column = 0; column < columns; column++) {
    const middle = ((column + 0.5) * samples.length) / columns, first = Math.round(middle - WINDOW / 2);
    const real = new Float64Array(WINDOW), imaginary = new Float64Array(WINDOW);
    for (let i = 0; i < WINDOW; i++) {
      real[i] = (samples[first + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW)); // Hann
    }
    transform(real, imaginary);
    const levels = new Float32Array(WINDOW / 2);
    for (let i = 0; i < levels.length; i++) {
      levels[i] = 10 * Math.log10(real[i] ** 2 + imaginary[i] ** 2 + 1e-12);
      loudest = Math.max(loudest, levels[i]);
    }
    found.push(levels);
  }
  for (const levels of found) for (let i = 0; i < levels.length; i++) levels[i] -= loudest;
  return found;
};

// Stops of a colour map from silence to the loudest, of rising lightness (after matplotlib's magma, CC0).
const STOPS = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
const RANGE = 70; // decibels

const colourOf = (level) => {
  const place = Math.max(0, Math.min(0.9999, 1 + level / RANGE)) * (STOPS.length - 1);
  const [from, to] = [STOPS[Math.floor(place)], STOPS[Math.floor(place) + 1]];
  return from.map((value, i) => value + (to[i] - value) * (place % 1));
};

/** Draw samples over a whole canvas, low frequencies at the bottom. */
export const drawSpectrogram = (canvas, samples) => {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  spectrogram(samples, width).forEach((levels, x) => {
    for (let y = 0; y < height; y++) {
      const [red, green, blue] = colourOf(levels[Math.floor(((height - 1 - y) / height) * levels.length)]);
      pixels.data.set([red, green, blue, 255], 4 * (y * width + x));
    }
  });
  context.putImageData(pixels, 0, 0);
};
