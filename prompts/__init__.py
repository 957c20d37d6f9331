"""What is said to the LLM, and in its stead: `answer.ar.toml` and `answer.en.toml`, read by `qa/prompts.py`.

`system`, `sentence`, `question` and the examples make the prompt; `none` is what the LLM writes when no sentence
answers; `declined` is what the record then says. The two files hold the same keys and the same {variables}.
"""
