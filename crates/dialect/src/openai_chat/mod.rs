//! OpenAI Chat Completions: how it reads and writes requests, answers and streams.
