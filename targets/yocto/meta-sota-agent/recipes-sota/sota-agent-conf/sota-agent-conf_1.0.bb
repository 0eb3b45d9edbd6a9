# For the integrator: append to this recipe, and put your config.toml first in FILESEXTRAPATHS.
SUMMARY = "Configuration of sota-agent"
DESCRIPTION = "${SUMMARY}: the RVI node, the installers, keys and certificates of the device. As it \
comes it sets nothing but the place of the state and the installers of PACKAGECONFIG."
# Placeholders: the project has no site, and example.org is reserved for examples.
HOMEPAGE = "https://example.org/"
BUGTRACKER = "https://example.org/"
SECTION = "base"
LICENSE = "MIT"
# The recipe fetches no file, so the license text is that of the layer.
# nooelint: oelint.var.licenseremotefile
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

CVE_PRODUCT = "sota-agent-conf"

SRC_URI = "file://config.toml;subdir=${BP}"

require recipes-sota/sota-agent/sota-agent-state.inc

# For installer.enabled. A bbappend of sota-agent that sets PACKAGECONFIG cannot be seen from here:
# then set this variable, too.
SOTA_AGENT_INSTALLERS ??= "${@sota_agent_installers(d)}"
# PACKAGECONFIG of another recipe takes part in the checksum of the task by its value.
SOTA_AGENT_INSTALLERS[vardepvalue] = "${SOTA_AGENT_INSTALLERS}"

# Returns the installers in PACKAGECONFIG of the agent, or of the script if that of the agent has none.
def sota_agent_installers(d):
    name = d.getVar('PN')
    agent = name[:-len('-conf')]
    for recipe in (agent, agent + '-node'):
        other = d.createCopy()
        overrides = (d.getVar('OVERRIDES') or '').split(':')
        other.setVar('OVERRIDES', ':'.join('pn-' + recipe if one == 'pn-' + name else one
            for one in overrides))
        chosen = (other.getVar('PACKAGECONFIG') or '').split()
        found = [one for one in ('opkg', 'swupdate') if one in chosen]
        if found:
            return ' '.join(found)
    return ''

# nooelint: oelint.task.noanonpython
python () {
    problem = sota_agent_state_problem(d)
    for one in (d.getVar('SOTA_AGENT_INSTALLERS') or '').split():
        if one not in ('opkg', 'swupdate', 'command'):
            problem = 'SOTA_AGENT_INSTALLERS has "%s": give opkg, swupdate or command' % one
    if problem:
        raise bb.parse.SkipRecipe(problem)
}

do_configure[noexec] = "1"
do_compile[noexec] = "1"

# sota_agent_default FILE SECTION KEY VALUE: sets the key, unless the file does.
sota_agent_default() {
    awk -v section="$2" -v key="$3" -v value="$4" '
        function name(line) {
            sub(/=.*/, "", line)
            gsub(/[ \t"\047]/, "", line)
            return current == "" ? line : current "." line
        }
        {
            line = $0
            sub(/\r$/, "", line)
        }
        FNR == 1 { current = "" }
        line ~ /^[ \t]*\[/ {
            current = line
            gsub(/^[ \t]*\[[ \t]*|[ \t]*\].*$/, "", current)
            if (NR == FNR && current == section) header = FNR
        }
        NR == FNR && line ~ /^[ \t]*[^#\[ \t].*=/ {
            if (name(line) == section "." key || name(line) == section) found = 1
            if (current == "" && index(name(line), section ".") == 1 && !dotted) dotted = FNR
        }
        NR == FNR && current == section && line ~ "^#" key " *=" { commented = FNR }
        NR == FNR { next }
        found { print; next }
        FNR == commented { print key " = " value; next }
        FNR == dotted && !header { print section "." key " = " value }
        { print }
        FNR == header && !commented { print key " = " value }
        END { if (!found && !header && !dotted) print "\n[" section "]\n" key " = " value }
    ' "$1" "$1" > "$1.new"
    cat "$1.new" > "$1"
    rm "$1.new"
}

# Prints the installers that FILE configures, if it does not set installer.enabled.
sota_agent_configured() {
    awk '
        /^[ \t]*#/ { next }
        /^[ \t]*\[/ {
            current = $0
            gsub(/^[ \t]*\[+[ \t]*|[ \t]*\].*$/, "", current)
            next
        }
        /=/ {
            full = $0
            sub(/=.*/, "", full)
            gsub(/[ \t"\047]/, "", full)
            if (current != "") full = current "." full
            if (full !~ /^installer(\.|$)/) next
            text = full " " $0
            if (full == "installer.enabled" || text ~ /^installer .*enabled/) listed = 1
            for (at = 1; at <= split("opkg swupdate command", names, " "); at++) {
                one = names[at]
                chosen = "(default|installer|use)[ \t\"\047]*=[ \t]*[\"\047]" one "[\"\047]"
                if (full ~ "^installer\\." one "(\\.|$)" || text ~ chosen) found = found one "\n"
            }
        }
        END { if (!listed) printf "%s", found }
    ' "$1"
}

do_install() {
    file=${D}${sysconfdir}/sota-agent/config.toml
    install -d ${D}${sysconfdir}/sota-agent
    install -m 0644 ${S}/config.toml $file
    # Else the state would be elsewhere than the unit expects it, and be lost with the next root file
    # system.
    sota_agent_default $file storage dir '"${SOTA_AGENT_STATE_DIR}"'
    enabled='${@", ".join(chr(34) + one + chr(34) for one in (d.getVar("SOTA_AGENT_INSTALLERS") or "").split())}'
    for one in $(sota_agent_configured $file); do
        case "$enabled" in
            ''|*\"$one\"*) ;;
            *)
                bbwarn "config.toml configures the installer $one, which is not among $enabled of" \
                    "PACKAGECONFIG: installer.enabled is not written, so write it yourself"
                enabled=
                ;;
        esac
    done
    [ -z "$enabled" ] || sota_agent_default $file installer enabled "[$enabled]"
}

CONFFILES:${PN} = "${sysconfdir}/sota-agent/config.toml"
