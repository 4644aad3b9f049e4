#!/bin/sh
# A corpus in MELD's layout without clips, whose words tell something about the label: for tests
# that need many short runs.    usage: tests/tiny_corpus.sh DIR
set -eu
mkdir -p "$1"
# part NAME FIRST-DIALOGUE DIALOGUES
part()
{
	awk -v part="$1" -v first="$2" -v n="$3" 'BEGIN {
		split("neutral surprise fear sadness joy disgust anger", label, " ")
		split("fine what help lost great yuck stop", word, " ")
		print "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
		for (d = first; d < first + n; d++)
			for (u = 0; u < 6; u++) {
				k = (d * 5 + u * u) % 7 + 1
				w = (d * u) % 3 ? k : (k + d) % 7 + 1
				printf "%d,it is %s and %s number %d,%s,%s,neutral,%d,%d,1,1,\"00:00:0%d,000\",\"00:00:0%d,900\"\n",
					++row, word[w], word[(d + u) % 7 + 1], (d * u) % 11, u % 2 ? "Ann" : "Bob",
					label[k], d, u, u, u
			}
	}' >"$dir/$1_sent_emo.csv"
}
dir=$1
part train 0 60
part dev 60 12
part test 72 20
