#!/bin/sh
# A model for `merc ask --backend exec:scripts/examples/exec_majority.sh`: answers every ask with one
# label, the most frequent of MELD (LABEL=… names another).  A program of your own does the same
# three things: says that it is ready, reads one JSON object a line, writes one a line.
label=${LABEL:-neutral}

# What a JSON line has as the text member $2, with its escapes as they are.
member()
{
	printf '%s\n' "$1" | sed -n 's/^{\(.*,\)\{0,1\}"'"$2"'":"\(\([^"\\]\|\\.\)*\)".*/\2/p'
}

# 1. Weights would be loaded here.  Other members count to what tells replies apart.
printf '{"ready":true,"model":"majority","label":"%s","takes":["generate","text","image","sound","video"]}\n' "$label"

# 2. One ask a line: {"id":…,"mode":…,"options":[…],"messages":[…],"sampling":{…}}
while IFS= read -r ask; do
	id=$(member "${ask%%,\"index\":*}" id)
	# 3. One reply a line, with the id of the ask; {"id":…,"error":…} says that there is none.
	printf '{"id":"%s","text":"%s"}\n' "$id" "$label"
done
