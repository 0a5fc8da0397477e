"""The HTTP server: OpenAI's API over the engine, and a chat page.

A request is read (`chat_request`), turned into what the engine runs (`chat_prompt`, `sampling_fields`), run
(`choices`) and written (`chat_writer`), streamed or whole. Modules are imported by name;
`http_server.HttpServer` is the way in.
"""
