# bash completion for cairn(1)

_cairn_pids() {
  local pid
  for pid in /proc/[0-9]*; do printf '%s\n' "${pid#/proc/}"; done
}

_cairn() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= word
  local common='--json --verbose --quiet --help'
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      checkpoint | restore | restart | check | inspect | verify-image) command=$word && break ;;
    esac
  done

  case $previous in
    --then) COMPREPLY=($(compgen -W 'resume kill stop' -- "$current")) && return ;;
    --compress) COMPREPLY=($(compgen -W 'none lz4 zstd' -- "$current")) && return ;;
    --timeout | --max-pause) return ;;
    --output | -o) compopt -o dirnames && return ;;
    --pidfile) compopt -o default && return ;;
  esac

  local options
  case $command in
    checkpoint) options="--output --replace --then --live --no-live --compress --timeout --max-pause --external $common" ;;
    restore | restart)
      options="--detach --sibling --new-pids --pidfile --accept-changed --inherit --dry-run $common"
      ;;
    check) options="--timeout --external $common" ;;
    inspect | verify-image) options=$common ;;
    *) options="--version $common" ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    return
  fi
  case $command in
    '') COMPREPLY=($(compgen -W 'checkpoint restore restart check inspect verify-image' -- "$current")) ;;
    checkpoint | check) COMPREPLY=($(compgen -W "$(_cairn_pids)" -- "$current")) ;;
    *) compopt -o dirnames ;;
  esac
} && complete -F _cairn cairn
