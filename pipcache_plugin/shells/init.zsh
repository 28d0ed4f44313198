# In this shell, `pip` is pipcache now. To take that back: eval "$(pipcache shell-init zsh --undo)"

if (( ${+functions[_pipcache_undo]} )); then _pipcache_undo; fi

typeset -gA _pipcache_earlier
_pipcache_earlier=()

# Keep what a name stands for: a function, an alias, a completion.
function _pipcache_keep {
    emulate -L zsh
    if (( ${+functions[$1]} )); then
        _pipcache_earlier[function:$1]=$functions[$1]
        unfunction -- $1
    fi
    if (( ${+aliases[$1]} )); then _pipcache_earlier[alias:$1]=$aliases[$1]; fi
    if (( ${+galiases[$1]} )); then _pipcache_earlier[galias:$1]=$galiases[$1]; fi
    if (( ${+aliases[$1]} || ${+galiases[$1]} )); then unalias -- $1; fi
    _pipcache_keep_completion $1
}

function _pipcache_keep_completion {
    emulate -L zsh
    if (( ${+_comps[$1]} )); then _pipcache_earlier[completion:$1]=$_comps[$1]; fi
}

function _pipcache_undo {
    # What is made again is not to have its aliases replaced once more.
    emulate -L zsh -o no_aliases
    local name kind key
    for name in pip pip3 python python3; do
        if [[ ${functions[$name]-} != *_PIPCACHE_INSTEAD_OF* ]]; then continue; fi
        unfunction -- $name
        key=function:$name
        if (( ${+_pipcache_earlier[$key]} )); then functions[$name]=$_pipcache_earlier[$key]; fi
        if (( ${+aliases[$name]} || ${+galiases[$name]} )); then continue; fi
        key=alias:$name
        if (( ${+_pipcache_earlier[$key]} )); then aliases[$name]=$_pipcache_earlier[$key]; fi
        key=galias:$name
        if (( ${+_pipcache_earlier[$key]} )); then galiases[$name]=$_pipcache_earlier[$key]; fi
    done
    for name in pip pip3 pipcache; do
        if [[ ${_comps[$name]-} != _pipcache_complete ]]; then continue; fi
        unset "_comps[$name]"
        key=completion:$name
        if (( ${+_pipcache_earlier[$key]} )); then _comps[$name]=$_pipcache_earlier[$key]; fi
    done
    unset _pipcache_earlier
    unfunction _pipcache_keep _pipcache_keep_completion _pipcache_complete _pipcache_undo
}

_pipcache_keep 'pip'
function 'pip' {
    if [[ @is_there@ ]]; then
        _PIPCACHE_INSTEAD_OF='pip' @pipcache@ "$@"
    else
        command 'pip' "$@"
    fi
}

_pipcache_keep 'pip3'
function 'pip3' {
    if [[ @is_there@ ]]; then
        _PIPCACHE_INSTEAD_OF='pip3' @pipcache@ "$@"
    else
        command 'pip3' "$@"
    fi
}

# begin --python
# What is an alias or a function already may lead anywhere: it stays.
if (( ! ${+functions[python]} && ! ${+aliases[python]} && ! ${+galiases[python]} )); then
    function 'python' {
        if [[ ${1-} == -m && ${2-} == 'pip' && @is_there@ ]] && whence -p 'python' >/dev/null; then
            _PIPCACHE_INSTEAD_OF='python' @pipcache@ --python "$(whence -p 'python')" "${@:3}"
        else
            command 'python' "$@"
        fi
    }
fi

if (( ! ${+functions[python3]} && ! ${+aliases[python3]} && ! ${+galiases[python3]} )); then
    function 'python3' {
        if [[ ${1-} == -m && ${2-} == 'pip' && @is_there@ ]] && whence -p 'python3' >/dev/null; then
            _PIPCACHE_INSTEAD_OF='python' @pipcache@ --python "$(whence -p 'python3')" "${@:3}"
        else
            command 'python3' "$@"
        fi
    }
fi

# end --python
function _pipcache_complete {
    local -a program found
    # The one that this is about need not be in PATH.
    if [[ $words[1] == pipcache ]]; then program=(@pipcache@); else program=($words[1]); fi
    found=($(
        COMP_WORDS="$words[*]" COMP_CWORD=$((CURRENT - 1)) PIP_AUTO_COMPLETE=1 "${program[@]}" 2>/dev/null
    ))
    if (( ! $#found )); then
        _default
        return
    fi
    compadd -S '' -- ${(M)found:#*[=/]}
    compadd -- ${found:#*[=/]}
}

_pipcache_keep_completion 'pipcache'
# There are completions in this shell once `compinit` has run.
if (( ${+functions[compdef]} )); then compdef _pipcache_complete 'pip' 'pip3' 'pipcache'; fi
