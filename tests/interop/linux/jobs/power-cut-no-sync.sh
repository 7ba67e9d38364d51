# SPDX-License-Identifier: BSD-2-Clause
# The power cut test fails for an nvmfd whose syncs were compiled out.
. "$here/jobs/power-cut.sh"
JOB=power-cut

outside() {
	local build=$NVMFD_BUILD/no-sync
	[ -e "$build/build.ninja" ] ||
		meson setup "$build" "$NVMFD_SOURCE" -Dno_sync_for_test=true >"$WORK/log" || cat "$WORK/log"
	ok 'an nvmfd without sync is built' ninja -C "$build" nvmfd/nvmfd
	NVMFD=$build/nvmfd/nvmfd
	for how in flush fua; do
		power_cut $how
		ok "... and records that should have been there are lost: $missing of $flushed" test "$missing" -gt 0
	done
}
