# bash completion for odt. What there is to complete is read from the program's own --help.

# The subcommands in a help text.
_odt_subcommands() { sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\S*\).*/\1/p' <<<"$1"; }

# The flags in a help text.
_odt_flags() { grep -oE '^ +-[^ ]+' <<<"$1" | tr -d ' ' | tr , '\n' | sort -u; }

# The values that a help text gives for a flag, as in --device cpu|cuda|auto.
_odt_values() {
  awk -v flag=",$2," '/^ +-/ && $2 ~ /\|/ && index("," $1 ",", flag) {sub(/=.*/, "", $2); print $2}' <<<"$1" |
    tr '|' '\n'
}

_odt() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=("$1") text word
  [[ $current == = ]] && current=
  [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  text=$("$1" --help 2>/dev/null)
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    grep -qxF -- "$word" <<<"$(_odt_subcommands "$text")" || continue
    command+=("$word")
    text=$("${command[@]}" --help 2>/dev/null)
  done
  local values=$(_odt_values "$text" "$previous") subcommands=$(_odt_subcommands "$text")
  if [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_odt_flags "$text")" -- "$current"))
  elif [[ -n $subcommands ]]; then
    COMPREPLY=($(compgen -W "$subcommands" -- "$current"))
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}

complete -F _odt odt
