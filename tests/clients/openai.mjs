// Asks by the npm package `openai`, unchanged: node openai.mjs ADDRESS, the request's body as JSON on standard input.
// Prints what came of it as JSON.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "none", maxRetries: 0 });

async function ask(body) {
  if (!body.stream) return await client.chat.completions.create(body);
  const pieces = [];
  const stream = client.chat.completions.stream(body).on("content", (piece) => pieces.push(piece));
  return { ...(await stream.finalChatCompletion()), pieces };
}

async function told() {
  const { models, embed, ...body } = JSON.parse(readFileSync(0, "utf-8"));
  if (models) return (await client.models.list()).data.map((model) => model.id);
  if (embed) return (await client.embeddings.create(embed)).data.map((one) => one.embedding.length);
  return await ask(body);
}

try {
  console.log(JSON.stringify(await told()));
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  const { status, message, code, param } = error;
  console.log(JSON.stringify({ error: error.constructor.name, status, message, code, param }));
}
