// Differences of two texts by words.

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
const MOST_CELLS = 4e6;

const wordsOf = (text) => [...segmenter.segment(text)].map(({ segment }) => segment);

/**
 * Return [{kind: "same" | "removed" | "added", text}], neighbours of a kind joined: the longest common subsequence of
 * words, in O(N M) time and memory after what both begin and end with; above `MOST_CELLS` the rest counts as replaced.
 */
export const difference = (before, after) => {
  const a = wordsOf(before), b = wordsOf(after);
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = changes(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const parts = [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
  return joined(parts);
};

const same = (text) => ({ kind: "same", text });
const removed = (text) => ({ kind: "removed", text });
const added = (text) => ({ kind: "added", text });

const changes = (a, b) => {
  if ((a.length + 1) * (b.length + 1) > MOST_CELLS) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width); // of the rests a[i:] and b[j:]
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const parts = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) { parts.push(same(a[i])); i++; j++; }
    else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) parts.push(removed(a[i++]));
    else parts.push(added(b[j++]));
  }
  return [...parts, ...a.slice(i).map(removed), ...b.slice(j).map(added)];
};

const joined = (parts) => {
  const found = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (last?.kind === part.kind) last.text += part.text;
    else found.push({ ...part });
  }
  return found;
};
