#!/bin/sh
# Compiler launcher for nvcc: keeps what ptxas says of the kernels beside the object, as OBJECT.ptxas, for spills.py.
object=
previous=
for argument in "$@"; do
  if [ "$previous" = -o ]; then object=$argument; fi
  previous=$argument
done

"$@" -Xptxas -v 2>"$object.ptxas"
status=$?
grep -Ev '^ptxas info|^ +[0-9]+ bytes stack frame|^$' "$object.ptxas" >&2
exit $status
