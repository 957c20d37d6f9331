"""Answers that compare: values found and quoted one by one, compared by the program."""
