# The integrator's: append to this recipe, put a config.toml of yours first in FILESEXTRAPATHS.
SUMMARY = "Configuration of sota-agent"
DESCRIPTION = "${SUMMARY}: the RVI node, the installers, keys and certificates of the device. As it \
comes it sets nothing but the place of the state."
# Both stand for yours: there is no site yet, and example.org belongs to nobody.
HOMEPAGE = "https://example.org/"
BUGTRACKER = "https://example.org/"
SECTION = "base"
LICENSE = "MIT"
# The layer's own, and no file of ours is fetched that could have it.
# nooelint: oelint.var.licenseremotefile
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

CVE_PRODUCT = "sota-agent-conf"

SRC_URI = "file://config.toml;subdir=${BP}"

SOTA_AGENT_STATE_DIR ??= "${localstatedir}/lib/sota-agent"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${sysconfdir}/sota-agent
    sed -e 's,^#dir = .*,dir = "${SOTA_AGENT_STATE_DIR}",' ${S}/config.toml \
        > ${D}${sysconfdir}/sota-agent/config.toml
    # A file of the integrator's need not have that line: the state would then lie elsewhere than the
    # unit expects it, and be lost with the next root file system.
    dir='dir = "${SOTA_AGENT_STATE_DIR}"'
    if ! grep -Eq '^ *(storage *\. *)?dir *=' ${D}${sysconfdir}/sota-agent/config.toml; then
        if grep -Eq '^ *\[ *storage *\]' ${D}${sysconfdir}/sota-agent/config.toml; then
            sed -i -E "s,^ *\[ *storage *\].*,&\n$dir," ${D}${sysconfdir}/sota-agent/config.toml
        else
            printf '\n[storage]\n%s\n' "$dir" >> ${D}${sysconfdir}/sota-agent/config.toml
        fi
    fi
    chmod 0644 ${D}${sysconfdir}/sota-agent/config.toml
}

CONFFILES:${PN} = "${sysconfdir}/sota-agent/config.toml"
