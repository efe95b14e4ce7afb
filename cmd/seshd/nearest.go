package main

// nearest returns the candidate with the fewest edits from word, the first one where several are as near.
func nearest(word string, candidates []string) string {
	best, fewest := "", -1
	for _, c := range candidates {
		if n := edits(word, c); fewest < 0 || n < fewest {
			best, fewest = c, n
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes: names of settings are ASCII.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
