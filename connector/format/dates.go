package format

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var errDate = errors.New("the date is not understood")

// months are the names of the months, also in the case that goes with a day, in the
// languages in which servers commonly run.
var months = func() map[string]int {
	all := map[string]int{}
	for _, language := range []string{
		"january february march april may june july august september october november december",
		"januar februar märz april mai juni juli august september oktober november dezember",
		"jänner feber märz april mai juni juli august september oktober november dezember",
		"janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
		"enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
		"janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
		"gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
		"januari februari maart april mei juni juli augustus september oktober november december",
		"januari februari mars april maj juni juli augusti september oktober november december",
		"januar februar marts april maj juni juli august september oktober november december",
		"januar februar mars april mai juni juli august september oktober november desember",
		"tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
		"stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
		"ledna února března dubna května června července srpna září října listopadu prosince",
		"január február március április május június július augusztus szeptember október november december",
		"января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
		"січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
		"ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
		"ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
	} {
		for i, name := range strings.Fields(language) {
			all[name] = i + 1
		}
	}
	return all
}()

var (
	writtenTime = regexp.MustCompile(`(\d{1,2})\s?(?:[:.hH]|時|时|시)\s?(\d{2})(?:\s?(?:[:.]|min|分|분)\s?(\d{2}))?`)
	writtenYear = regexp.MustCompile(`\d{4}`)
	asianDate   = regexp.MustCompile(`(\d{4})[年년]\s?(\d{1,2})[月월]\s?(\d{1,2})[日일]`)
	dayNumber   = regexp.MustCompile(`\d{1,2}`)
	morning     = regexp.MustCompile(`(?i)\b(?:am|a\.\s?m\.)|上午|午前|오전`)
	afternoon   = regexp.MustCompile(`(?i)\b(?:pm|p\.\s?m\.)|下午|午後|오후`)
)

// parseWrittenDate reads a date and a time as they are written out in full, in one of many
// languages, such as "Samstag, 28. November 2026 um 20:49:24 Koordinierte Weltzeit". The
// name of the zone is not read.
func parseWrittenDate(text string) (string, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u202f' || r == '\u00a0' {
			return ' '
		}
		return r
	}, text)
	// The time is the last thing of this form: "28.11" would be one too.
	times := writtenTime.FindAllStringSubmatchIndex(text, -1)
	if times == nil {
		return "", errDate
	}
	at := times[len(times)-1]
	part := func(i int) int {
		if at[2*i] < 0 {
			return 0
		}
		n, _ := strconv.Atoi(text[at[2*i]:at[2*i+1]])
		return n
	}
	hour, minute, second := part(1), part(2), part(3)
	switch {
	case afternoon.MatchString(text) && hour < 12:
		hour += 12
	case morning.MatchString(text) && hour == 12:
		hour = 0
	}
	rest := text[:at[0]] + " " + text[at[1]:]
	year, month, day := 0, 0, 0
	if m := asianDate.FindStringSubmatch(rest); m != nil {
		year, _ = strconv.Atoi(m[1])
		month, _ = strconv.Atoi(m[2])
		day, _ = strconv.Atoi(m[3])
	} else {
		for _, word := range strings.FieldsFunc(strings.ToLower(rest), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if n := months[word]; n > 0 {
				month = n
				break
			}
		}
		digits := writtenYear.FindString(rest)
		year, _ = strconv.Atoi(digits)
		day, _ = strconv.Atoi(dayNumber.FindString(strings.Replace(rest, digits, "", 1)))
	}
	if year == 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return "", errDate
	}
	return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", year, month, day, hour, minute, second), nil
}
