#!/usr/bin/env bash
# The restore_command of at.sh: brings a file of the archived WAL (folder, name) to a path. Of a segment that is not whole
# yet, what there is: its rest is zeros, as pg_receivewal writes it.
folder=$1 name=$2 path=$3
[[ ! -e $folder/$name ]] || ! cp "$folder/$name" "$path" 2>/dev/null || exit 0
[[ ! -e $folder/$name.gz ]] || exec gzip --decompress --stdout "$folder/$name.gz" >"$path"
[[ -e $folder/$name.partial ]] && exec cp "$folder/$name.partial" "$path"
