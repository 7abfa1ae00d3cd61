package format

import "testing"

func TestDatesWrittenInFullAreReadInManyLanguages(t *testing.T) {
	for _, text := range []string{
		"Saturday, November 28, 2026 at 8:49:24\u202fPM Coordinated Universal Time",
		"Saturday, November 28, 2026 8:49:24 PM UTC",
		"Saturday, 28 November 2026 at 20:49:24 Coordinated Universal Time",
		"Samstag, 28. November 2026 um 20:49:24 Koordinierte Weltzeit",
		"samedi 28 novembre 2026 à 20:49:24 temps universel coordonné",
		"sábado, 28 de noviembre de 2026, 20:49:24 (tiempo universal coordinado)",
		"Sábado, 28 de Novembro de 2026 20h49min24s UTC",
		"sabato 28 novembre 2026 20.49.24 UTC",
		"zaterdag 28 november 2026 om 20:49:24 Gecoördineerde wereldtijd",
		"sobota, 28 listopada 2026 20:49:24 uniwersalny czas koordynowany",
		"sobota 28. listopadu 2026 v 20:49:24 Koordinovaný světový čas",
		"суббота, 28 ноября 2026 г. в 20:49:24 Всемирное координированное время",
		"субота, 28 листопада 2026 р. о 20:49:24 за всесвітнім координованим часом",
		"lördag 28 november 2026 kl. 20:49:24 Koordinerad universell tid",
		"lauantai 28. marraskuuta 2026 klo 20.49.24 UTC-yleisaika",
		"2026. november 28., szombat 20:49:24 koordinált egyetemes idő",
		"28 Kasım 2026 Cumartesi 20:49:24 Eş Güdümlü Evrensel Zaman",
		"2026年11月28日星期六 协调世界时 20:49:24",
		"2026年11月28日 星期六 下午08时49分24秒 UTC",
		"2026年11月28日土曜日 20時49分24秒 協定世界時",
		"2026년 11월 28일 토요일 오후 8시 49분 24초 협정 세계시",
	} {
		if got, err := parseWrittenDate(text); got != "2026-11-28 20:49:24" || err != nil {
			t.Errorf("parseWrittenDate(%q) = %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"mardi 3 mars 2026 à 00:05:09 UTC":                     "2026-03-03 00:05:09",
		"Sunday, May 3, 2026 at 12:05:09 AM UTC":               "2026-05-03 00:05:09",
		"Sunday, May 3, 2026 at 12:05:09 PM UTC":               "2026-05-03 12:05:09",
		"domingo, 3 de mayo de 2026, 9:05:09 p. m. (GMT-5)":    "2026-05-03 21:05:09",
		"samedi 28 novembre 2026 20 h 49 UTC":                  "2026-11-28 20:49:00",
		"Saturday, Smarch 28, 2026 at 8:49:24 PM":              "",
		"28 November at 8:49:24 PM":                            "",
		"2026-11-28":                                           "",
		"":                                                     "",
		"Saturday, November 28, 2026 at 25:49:24 Nowhere Time": "",
	} {
		if got, _ := parseWrittenDate(text); got != want {
			t.Errorf("parseWrittenDate(%q) = %q, want %q", text, got, want)
		}
	}
}
