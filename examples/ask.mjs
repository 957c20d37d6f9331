// Follows an answer as it is written, in Node 18 or later, with nothing installed:
//
//     node ask.mjs "How many US troops remain in Iraq?"

const url = process.env.JAWAB_URL ?? "http://127.0.0.1:7860";
const key = process.env.JAWAB_KEY;
const question = process.argv[2] ?? "How many US troops remain in Iraq?";

/** The events of a stream: each has a name and data. */
async function* events(body) {
  let waiting = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const whole = (waiting + text).split("\n\n");
    waiting = whole.pop();
    for (const event of whole) {
      const [name, data] = ["event", "data"].map((field) => event.match(new RegExp(`^${field}: (.*)$`, "m"))?.[1]);
      if (data) yield { name, data: JSON.parse(data) };
    }
  }
}

async function ask() {
  const response = await fetch(`${url}/v1/ask`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ question, stream: true }),
  });
  if (!response.ok) throw new Error((await response.json()).detail);
  for await (const { name, data } of events(response.body)) {
    if (name === "token") process.stdout.write(data.text);
    if (name === "error") throw new Error(data.detail);
    if (name === "answer") {
      // Pieces are what was written; the record is what counts.
      console.log(`\n= ${data.answer}`);
      for (const { marker, quote, title } of data.citations) console.log(`[${marker}] ${quote}\n    ${title}`);
    }
  }
}

try {
  await ask();
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
