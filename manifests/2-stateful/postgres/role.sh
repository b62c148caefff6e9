# shellcheck shell=bash
# What a PostgreSQL container does when it starts: one function of three facts, without side effects.
#
#   record  POSTGRES_HOST names:        named (this pod) | other (its peer)
#   own     this volume holds:          empty | lost (was initialised, its data is gone) | provisional (a first
#                                       install that the peer has not yet copied) | broken (half rewound)
#                                       | primary | standby | stale (a standby that could not catch up)
#   peer    the other pod answers as:   silent | busy (starting or stopping) | stuck (busy for a minute)
#                                       | denied (refuses our questions) | primary | standby
#   kin     its cluster beside ours:    none (not known) | foreign (another cluster) | later | same | earlier
#                                       (by timeline)
#   and, for the words only, the peer's name and its last error
#
# Sets `action` to initialise, lead, follow, rejoin, clone, wait or refuse, and `why` to words for the log.
# Nothing here is decided by ordinal or by who answers first, and nothing starts read-write but a pod that the
# record names. `refuse` is for what would put two clusters side by side or lose rows: a person decides.
# shellcheck disable=SC2034 # action and why are the result
decide() {
  local record=$1 own=$2 peer=$3 kin=$4 name=$5 error=${6:-}
  local move="set POSTGRES_HOST in ConfigMap keyboss-config to $name.postgres and the selector of Service postgres-primary to $name, then delete both pods"
  local keep="Name the one to keep in POSTGRES_HOST, save what you need of the other, remove its folder pgdata and delete its pod"
  case "$record $own $peer $kin" in
    "named "*" denied "*)
      action=refuse why="$name does not let us ask for its role, so it may be a primary: $error (is REPLICATION_PASSWORD in Secret keyboss-secrets what it was at the first install?)" ;;
    "other standby busy "* | "other stale busy "*)
      action=follow why="the record names $name, which is starting or stopping" ;;
    *" busy "*)
      action=wait why="$name is starting or stopping" ;;

    # A volume without data worth keeping. An empty one is initialised only beside a peer that holds nothing either,
    # which the peer proves by cloning: until then the new cluster is provisional.
    "other provisional primary "* | "named provisional primary foreign")
      action=clone why="$name is primary; the cluster here was never used" ;;
    "other provisional "*)
      action=wait why="the record names $name, which is $peer $error" ;;
    *" foreign")
      action=refuse why="$name holds another cluster than this volume. $keep" ;;
    *" empty primary "* | *" lost primary "* | *" broken primary "*)
      action=clone why="$name is primary" ;;
    "named empty silent "*)
      action=initialise why="no data here, and $name does not answer" ;;
    "named empty standby "* | "named lost standby "*)
      action=refuse why="the data of this volume is gone, and $name has it, as a standby. To go on with that, $move" ;;
    "named lost "*)
      action=refuse why="this volume was initialised before and its data is gone. Start $name: if it has the data, $move. Only if it is lost there too, remove the file 'initialised' from this volume" ;;
    "named broken "*)
      action=refuse why="the data of this volume is half rewound. If $name has the data, $move" ;;
    "named empty "*)
      action=wait why="no data here, and $name is starting" ;;
    "other empty "* | "other lost "* | "other broken "*)
      action=wait why="no data here, and nothing to clone until $name is primary; it is $peer $error" ;;

    # Named by the record, with data.
    "named stale silent "* | "named stale stuck "* | "named stale standby "*)
      action=refuse why="this standby could not catch up with $name, which has newer rows. If they are lost, remove the file 'stale' from this volume" ;;
    "named "*" silent "* | "named "*" stuck "*)
      action=lead why="the record names this pod" ;;
    "named "*" standby later")
      action=refuse why="$name has newer data (a later timeline). To go on with that, $move" ;;
    "named "*" standby "*)
      action=lead why="the record names this pod, $name is a standby" ;;
    *" stale primary later" | *" stale primary same")
      action=clone why="the copy here could not catch up with $name" ;;
    "named "*" primary later")
      action=rejoin why="THE RECORD NAMES THIS POD, but $name is primary on a later timeline: $move" ;;
    "named standby primary same")
      action=follow why="THE RECORD NAMES THIS POD, but $name is still primary: delete pod $name, then this one" ;;
    "named "*" primary same")
      action=refuse why="$name and this pod were both primary on the same timeline. $keep" ;;
    "named "*" primary earlier")
      action=lead why="the record names this pod; $name STILL ANSWERS AS PRIMARY of an earlier timeline: delete pod $name" ;;

    # The record names the peer.
    "other "*" primary later")
      action=rejoin why="$name is primary on a later timeline" ;;
    "other standby primary same")
      action=follow why="$name is primary" ;;
    "other "*" primary "*)
      action=refuse why="$name is primary on a timeline that is not later than ours, and this volume may have rows that it lacks. $keep" ;;
    "other standby "* | "other stale "*)
      action=follow why="the record names $name, which is $peer" ;;
    *)
      action=wait why="the record names $name, which is $peer; this pod was primary and acknowledges nothing more $error" ;;
  esac
}
