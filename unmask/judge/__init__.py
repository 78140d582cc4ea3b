"""Judge: from crops to a finding.

Files, in the order of use: `card` and `bundle` (what a detector is), `runtime` (run it),
`calibrate` (logit to probability), `fuse` (several detectors to one probability), `points`
(thresholds at a false-alarm rate), `abstain` (when not to answer), `timeline` (videos), `weigh`
(the finding).
"""
