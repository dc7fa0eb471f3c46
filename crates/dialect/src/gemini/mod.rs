//! Google Gemini: how it reads and writes requests, answers and streams.
