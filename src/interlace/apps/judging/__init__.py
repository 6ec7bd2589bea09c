"""The raters' page: tasks of a folder of judgements shown and rated over HTTP. Needs the extra `interlace[apps]`."""
