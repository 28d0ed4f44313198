# In this shell, `pip` is pipcache now. To take that back: pipcache shell-init fish --undo | source

if functions --query __pipcache_undo
    __pipcache_undo
end

function __pipcache_keep --argument-names name
    if functions --query $name
        functions --copy $name __pipcache_earlier_$name
    end
end

function __pipcache_undo
    for name in pip pip3 python python3
        if functions $name 2>/dev/null | string match --quiet '*_PIPCACHE_INSTEAD_OF*'
            functions --erase $name
            if functions --query __pipcache_earlier_$name
                functions --copy __pipcache_earlier_$name $name
            end
        end
        if functions --query __pipcache_earlier_$name
            functions --erase __pipcache_earlier_$name
        end
    end
    for name in pip pip3 pipcache
        set --local rules (complete --command $name)
        if string match --quiet '*(__pipcache_complete)*' $rules
            set --local others (string match --invert '*(__pipcache_complete)*' $rules)
            complete --command $name --erase
            string join \n -- $others | source
            # What fish would have loaded by itself is not loaded after an erasure.
            for folder in $fish_complete_path
                if test -z "$others"; and test -e $folder/$name.fish
                    source $folder/$name.fish
                    break
                end
            end
        end
    end
    functions --erase __pipcache_keep __pipcache_complete __pipcache_undo
end

__pipcache_keep pip
function pip --description 'pip, through pipcache'
    if @is_there@
        set --local --export _PIPCACHE_INSTEAD_OF pip
        @pipcache@ $argv
    else
        command pip $argv
    end
end

__pipcache_keep pip3
function pip3 --description 'pip, through pipcache'
    if @is_there@
        set --local --export _PIPCACHE_INSTEAD_OF pip3
        @pipcache@ $argv
    else
        command pip3 $argv
    end
end

# begin --python
# What is an alias or a function already may lead anywhere: it stays.
if not functions --query python
    function python --description 'python; its pip through pipcache'
        if test "x$argv[1] x$argv[2]" = 'x-m xpip'; and command --search python >/dev/null; and @is_there@
            set --erase argv[1..2]
            set --local --export _PIPCACHE_INSTEAD_OF python
            @pipcache@ --python (command --search python) $argv
        else
            command python $argv
        end
    end
end

if not functions --query python3
    function python3 --description 'python3; its pip through pipcache'
        if test "x$argv[1] x$argv[2]" = 'x-m xpip'; and command --search python3 >/dev/null; and @is_there@
            set --erase argv[1..2]
            set --local --export _PIPCACHE_INSTEAD_OF python
            @pipcache@ --python (command --search python3) $argv
        else
            command python3 $argv
        end
    end
end

# end --python
function __pipcache_complete
    set --local words (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor)
    set --local --export COMP_WORDS "$words"
    set --local --export COMP_CWORD (math (count $words) - 1)
    set --local --export PIP_AUTO_COMPLETE 1
    # The one that this is about need not be in PATH.
    if test "$words[1]" = pipcache
        @pipcache@ 2>/dev/null | string split --no-empty ' '
    else
        $words[1] 2>/dev/null | string split --no-empty ' '
    end
end

complete --command pip --command pip3 --command pipcache --no-files --arguments '(__pipcache_complete)'
