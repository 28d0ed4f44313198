# In this shell, `pip` is pipcache now. To take that back:
# Invoke-Expression (& pipcache shell-init powershell --undo | Out-String)

if (Test-Path Function:\_pipcache_undo) { _pipcache_undo }

$global:_pipcache_earlier = @{}

# Keep what a name stands for: a function, an alias.
function global:_pipcache_keep([string]$name) {
    if (Test-Path "Function:\$name") {
        $global:_pipcache_earlier["function:$name"] = (Get-Item "Function:\$name").ScriptBlock
    }
    if (Test-Path "Alias:\$name") {
        $global:_pipcache_earlier["alias:$name"] = (Get-Item "Alias:\$name").Definition
        Remove-Item "Alias:\$name" -Force
    }
}

function global:_pipcache_undo {
    foreach ($name in 'pip', 'pip3', 'python', 'python3', 'TabExpansion') {
        if (-not (Test-Path "Function:\$name")) { continue }
        if (-not (Get-Item "Function:\$name").ScriptBlock.ToString().Contains('_PIPCACHE_INSTEAD_OF')) { continue }
        Remove-Item "Function:\$name" -Force
        if ($global:_pipcache_earlier.ContainsKey("function:$name")) {
            Set-Item "Function:\global:$name" $global:_pipcache_earlier["function:$name"]
        }
        if ($global:_pipcache_earlier.ContainsKey("alias:$name") -and -not (Test-Path "Alias:\$name")) {
            Set-Alias -Name $name -Value $global:_pipcache_earlier["alias:$name"] -Scope Global
        }
    }
    Remove-Variable -Name _pipcache_earlier -Scope Global
    foreach ($name in '_pipcache_keep', '_pipcache_find', '_pipcache_undo') { Remove-Item "Function:\$name" }
}

# Return the path of a program, whatever functions and aliases there are.
function global:_pipcache_find([string]$name) {
    Get-Command -Name $name -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1 -ExpandProperty Path
}

_pipcache_keep 'pip'
function global:pip {
    $program = _pipcache_find 'pip'
    $words = @()
    if (@is_there@) {
        $program, $words = @pipcache@
        $env:_PIPCACHE_INSTEAD_OF = 'pip'
    }
    elseif (-not $program) { throw 'There is no pip' }
    try {
        if ($MyInvocation.ExpectingInput) { $input | & $program @words @args } else { & $program @words @args }
    }
    finally { Remove-Item Env:\_PIPCACHE_INSTEAD_OF -ErrorAction SilentlyContinue }
}

_pipcache_keep 'pip3'
function global:pip3 {
    $program = _pipcache_find 'pip3'
    $words = @()
    if (@is_there@) {
        $program, $words = @pipcache@
        $env:_PIPCACHE_INSTEAD_OF = 'pip3'
    }
    elseif (-not $program) { throw 'There is no pip3' }
    try {
        if ($MyInvocation.ExpectingInput) { $input | & $program @words @args } else { & $program @words @args }
    }
    finally { Remove-Item Env:\_PIPCACHE_INSTEAD_OF -ErrorAction SilentlyContinue }
}

# begin --python
# What is an alias or a function already may lead anywhere: it stays.
if (-not (Test-Path Function:\python) -and -not (Test-Path Alias:\python)) {
    function global:python {
        $program = _pipcache_find 'python'
        if (-not $program) { throw 'There is no python' }
        $words = $args
        if ($args.Count -ge 2 -and $args[0] -ceq '-m' -and $args[1] -ceq 'pip' -and @is_there@) {
            $python = $program
            $rest = @($args | Select-Object -Skip 2)
            $program, $words = @pipcache@
            $words = @($words) + '--python' + $python + $rest
            $env:_PIPCACHE_INSTEAD_OF = 'python'
        }
        try {
            if ($MyInvocation.ExpectingInput) { $input | & $program @words } else { & $program @words }
        }
        finally { Remove-Item Env:\_PIPCACHE_INSTEAD_OF -ErrorAction SilentlyContinue }
    }
}

if (-not (Test-Path Function:\python3) -and -not (Test-Path Alias:\python3)) {
    function global:python3 {
        $program = _pipcache_find 'python3'
        if (-not $program) { throw 'There is no python3' }
        $words = $args
        if ($args.Count -ge 2 -and $args[0] -ceq '-m' -and $args[1] -ceq 'pip' -and @is_there@) {
            $python = $program
            $rest = @($args | Select-Object -Skip 2)
            $program, $words = @pipcache@
            $words = @($words) + '--python' + $python + $rest
            $env:_PIPCACHE_INSTEAD_OF = 'python'
        }
        try {
            if ($MyInvocation.ExpectingInput) { $input | & $program @words } else { & $program @words }
        }
        finally { Remove-Item Env:\_PIPCACHE_INSTEAD_OF -ErrorAction SilentlyContinue }
    }
}

# end --python
_pipcache_keep 'TabExpansion'
function global:TabExpansion($line, $lastWord) {
    $block = [regex]::Split($line, '[|;]')[-1].TrimStart()
    if ($block -match '^(pip3?|pipcache)\s') {
        $program, $words = @pipcache@
        $stands = $Matches[1]
        try {
            $env:COMP_WORDS = $block
            $env:COMP_CWORD = $block.Split().Length - 1
            $env:PIP_AUTO_COMPLETE = 1
            if ($stands -ne 'pipcache') { $env:_PIPCACHE_INSTEAD_OF = $stands }
            (& $program @words 2>$null) -split '\s+' | Where-Object { $_ }
        }
        finally {
            Remove-Item Env:\COMP_WORDS, Env:\COMP_CWORD, Env:\PIP_AUTO_COMPLETE
            Remove-Item Env:\_PIPCACHE_INSTEAD_OF -ErrorAction SilentlyContinue
        }
    }
    elseif ($global:_pipcache_earlier.ContainsKey('function:TabExpansion')) {
        & $global:_pipcache_earlier['function:TabExpansion'] $line $lastWord
    }
}
