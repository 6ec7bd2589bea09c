// Requests to the server that this page came from, and its errors as sentences.

const TOKEN = "interlace-token";
let token = "";
try { token = sessionStorage.getItem(TOKEN) ?? ""; } catch { /* private windows may have none */ }

/** Keep the server's token for this tab. */
export const useToken = (value) => {
  token = value;
  try { sessionStorage.setItem(TOKEN, value); } catch { /* kept in memory alone */ }
};

/** An error whose message is a sentence for people; `status`: of HTTP, 0 where no answer came. */
class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const request = async (path, body, signal) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const options = body === undefined ? { headers, signal } : {
    method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer; is interlace serve still running?");
  }
  if (!response.ok) throw new ServerError(await sentence(response), response.status);
  return response;
};

const sentence = async (response) => {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
};

/** Return the descriptions of the models that are served. */
export const listModels = async () => {
  const { data } = await (await request("/v1/models")).json();
  return data.map((model) => ({ ...model.interlace, name: model.id }));
};

/** Return the answer to a request in the format of chat completions: that of `Answer.plain()`. */
export const complete = async (body, signal) => {
  const response = await (await request("/v1/chat/completions", body, signal)).json();
  const { message } = response.choices[0];
  return { text: message.content, ...message.interlace };
};

/** Like `complete`, but calls `onPiece` with each piece of text as it comes. */
export const stream = async (body, onPiece, signal) => {
  const response = await request("/v1/chat/completions", { ...body, stream: true }, signal);
  let text = "", details = {};
  for await (const event of events(response.body)) {
    if (event.error) throw new ServerError(event.error.message);
    const choice = event.choices?.[0];
    const piece = choice?.delta?.content ?? "";
    details = choice?.delta?.interlace ?? choice?.interlace ?? details;
    text += piece;
    if (piece) onPiece(piece);
  }
  return { text, ...details };
};

/** Yield the objects of a stream of server-sent events until its [DONE]. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError("The connection broke before the answer was complete; ask again.");
    }
    if (part.done) throw new ServerError("The server ended before the answer was complete; ask again.");
    rest += part.value.replaceAll("\r\n", "\n");
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim()).join("\n");
      if (data === "[DONE]") return;
      if (data) yield JSON.parse(data);
    }
  }
}

/** Return a document translated: {name, data in base64}. */
export const translateDocument = async (body, signal) => (await request("/v1/documents", body, signal)).json();

/** Store which of several answers a person finds better. */
export const rate = async (body) => { await request("/v1/ratings", body); };
