# In this shell, `pip` is pipcache now. To take that back: eval "$(pipcache shell-init bash --undo)"

if declare -F _pipcache_undo >/dev/null; then _pipcache_undo; fi

# Keep what a name stands for: a function, an alias, a completion; each as the commands that make it again.
function _pipcache_keep {
    local found kept=''
    if declare -F "$1" >/dev/null; then
        kept=$(declare -f "$1")
        found=$'\n'$(declare -Fx)$'\n'
        if [[ $found == *$'\n'"declare -fx $1"$'\n'* ]]; then kept+=$'\n'"export -f $1"; fi
        unset -f "$1"
    fi
    if found=$(alias "$1" 2>/dev/null); then
        kept+=$'\n'"alias $1 >/dev/null 2>&1 || alias ${found#alias }"
        unalias "$1"
    fi
    printf -v "_pipcache_earlier_$1" %s "$kept"
    _pipcache_keep_completion "$1"
}

function _pipcache_keep_completion {
    local found
    if ! found=$(complete -p "$1" 2>/dev/null); then found=''; fi
    printf -v "_pipcache_completion_$1" %s "$found"
}

function _pipcache_undo {
    local name kept expands=''
    # What is made again is not to have its aliases replaced once more.
    if shopt -q expand_aliases; then
        expands=1
        shopt -u expand_aliases
    fi
    for name in pip pip3 python python3 pipcache; do
        if [[ $(declare -f "$name") == *_PIPCACHE_INSTEAD_OF* ]]; then
            unset -f "$name"
            kept=_pipcache_earlier_$name
            eval "${!kept-}"
        fi
        if [[ $(complete -p "$name" 2>/dev/null) == *_pipcache_complete* ]]; then
            complete -r "$name"
            kept=_pipcache_completion_$name
            eval "${!kept-}"
        fi
        unset -v "_pipcache_earlier_$name" "_pipcache_completion_$name"
    done
    unset -f _pipcache_keep _pipcache_keep_completion _pipcache_complete _pipcache_undo
    if [[ -n $expands ]]; then shopt -s expand_aliases; fi
}

_pipcache_keep pip
function pip {
    if [[ @is_there@ ]]; then
        _PIPCACHE_INSTEAD_OF=pip @pipcache@ "$@"
    else
        command pip "$@"
    fi
}

_pipcache_keep pip3
function pip3 {
    if [[ @is_there@ ]]; then
        _PIPCACHE_INSTEAD_OF=pip3 @pipcache@ "$@"
    else
        command pip3 "$@"
    fi
}

# begin --python
# What is an alias or a function already may lead anywhere: it stays.
if ! declare -F python >/dev/null && ! alias python >/dev/null 2>&1; then
    function python {
        if [[ ${1-} == -m && ${2-} == pip && @is_there@ ]] && type -P python >/dev/null; then
            _PIPCACHE_INSTEAD_OF=python @pipcache@ --python "$(type -P python)" "${@:3}"
        else
            command python "$@"
        fi
    }
fi

if ! declare -F python3 >/dev/null && ! alias python3 >/dev/null 2>&1; then
    function python3 {
        if [[ ${1-} == -m && ${2-} == pip && @is_there@ ]] && type -P python3 >/dev/null; then
            _PIPCACHE_INSTEAD_OF=python @pipcache@ --python "$(type -P python3)" "${@:3}"
        else
            command python3 "$@"
        fi
    }
fi

# end --python
function _pipcache_complete {
    local IFS=$' \t\n'
    local program=("$1")
    # The one that this is about need not be in PATH.
    if [[ $1 == pipcache ]]; then program=(@pipcache@); fi
    # shellcheck disable=SC2207 # words without spaces, one after the other
    COMPREPLY=($(
        COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD PIP_AUTO_COMPLETE=1 "${program[@]}" 2>/dev/null
    )) || :
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then compopt -o nospace 2>/dev/null || :; fi
}

_pipcache_keep_completion pipcache
complete -o default -F _pipcache_complete pip pip3 pipcache
