//! OpenAI Responses: how it reads and writes requests, answers and streams.
