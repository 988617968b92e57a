# shellcheck shell=sh
#
# Clears up after a fixture: waits for the end of standard input, stops every process that works in the folder
# $1, and removes it.

folder=$1
trap '' HUP INT TERM
read -r _
# The test process has done all that itself, unless it was killed.
if [ ! -d "$folder" ]; then exit; fi

# Numbers and names without spaces: ls can be taken apart.
workers() {
    # shellcheck disable=SC2012
    ls -l /proc/[0-9]*/cwd 2>/dev/null | awk -v folder="$folder" '{
        split($0, part, " -> ")
        if (part[2] == folder || index(part[2], folder "/") == 1) {
            sub(".*/proc/", "", part[1])
            sub("/cwd", "", part[1])
            print part[1]
        }
    }'
}

# Signals every worker until none is left, for at most 5 seconds.
send_until_gone() {
    tries=0
    while pids=$(workers) && [ -n "$pids" ] && [ "$tries" -lt 250 ]; do
        for pid in $pids; do
            if [ "$1" = KILL ] || [ "$tries" -eq 0 ]; then kill -s "$1" "$pid" 2>/dev/null; fi
        done
        # shellcheck disable=SC2086 # several
        kill -s CONT $pids 2>/dev/null
        sleep 0.02
        tries=$((tries + 1))
    done
}

# A PostgreSQL server frees its shared memory when it is told to quit, not when it is killed.
if [ -f "$folder/data/postmaster.pid" ]; then
    send_until_gone QUIT
fi
send_until_gone KILL
# One that was killed earlier has left its segment; line 7 of its lock file names it: key, identifier.
segment=$(sed -n '7s/^ *[0-9]* *//p' "$folder/data/postmaster.pid" 2>/dev/null)
if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
# What is mounted in it would be emptied.
awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mounted; do
    umount -l "$mounted" 2>/dev/null
done
rm -rf "$folder"
