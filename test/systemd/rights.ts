// Tests the agent with its own user: what the integrator adds for SWUpdate, and what the hardening
// must forbid. A command that the agent runs tries the forbidden actions.

/** Adds the group that may use the sockets of Debian's SWUpdate. */
export const agentUser = `do_install:append() {
    echo SupplementaryGroups=swupdate \\
        >> \${D}\${systemd_system_unitdir}/sota-agent.service.d/unprivileged.conf
}
`;

/** Directories that the user could access without the hardening. */
export const folders = 'd /open 0777 root root -\nd /home/x 0755 root root -\n';

export const tries = `exec >/data/sota/tried 2>&1
echo in the state
touch /tmp/x && echo written to /tmp
touch /open/x && echo written to /open
cp "$SOTA_PACKAGE_FILE" /data/sota/set && chmod 4755 /data/sota/set && echo a set-user-id file
ls /home/x && echo /home is seen
ls /proc/1/status && echo processes of others are seen
cat /dev/vda >/dev/null && echo a disk is read
exit 0
`;

/** Each check, and the output that shows it. */
export const forbidden: readonly (readonly [string, RegExp])[] = [
  ['it writes into its state', /^in the state$/m],
  ['it cannot write to /tmp', /^touch: \/tmp\/x: Read-only file system$/m],
  ['nor to a folder that is open to all', /^touch: \/open\/x: Read-only file system$/m],
  ['nor make a set-user-id file', /^chmod: .*set: Operation not permitted$/m],
  ['it does not see /home', /^ls: \/home\/x: Permission denied$/m],
  ['nor the processes of others', /^ls: \/proc\/1\/status: No such file or directory$/m],
  ['nor a disk', /^cat: .*\/dev\/vda.*No such file or directory$/m],
];
