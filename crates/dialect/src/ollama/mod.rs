//! Ollama's own API: how it reads and writes requests, answers and streams.
