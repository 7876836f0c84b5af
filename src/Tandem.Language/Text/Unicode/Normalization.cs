using System.Text;

namespace Tandem.Language;

/// <summary>The Unicode normalization forms (Unicode Standard Annex 15).</summary>
internal static class Normalization
{
    private const int LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7, Vowels = 21, Trails = 28;

    /// <summary>The text in a form, the same object where it is in that form already.</summary>
    public static TrackedText Apply(TrackedText source, NormalizationForm form)
    {
        string text = source.Text;
        bool composes = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        // Every character below U+0300 is in form C, wherever it stands.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', form == NormalizationForm.FormC ? '\u02FF' : '\u007F'))
            return source;
        var data = UnicodeData.Shared;
        if (data.IsNormal(text, form))
            return source;

        bool compatibility = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        var codes = new List<(int Code, int Class, int From)>(text.Length + 16);
        for (int i = 0; i < text.Length; i++)
        {
            bool pair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            Decompose(data, pair ? char.ConvertToUtf32(text[i], text[i + 1]) : text[i], i, compatibility, codes);
            i += pair ? 1 : 0;
        }

        Order(codes);
        if (composes)
            Compose(data, codes);

        var result = new StringBuilder(codes.Count);
        var origins = source.Origins is null ? null : new List<int>(codes.Count);
        foreach (var (code, _, from) in codes)
        {
            if (code >= 65536)
                result.Append(char.ConvertFromUtf32(code));
            else
                result.Append((char)code);
            origins?.Add(source.Origins![from]);
            if (code >= 65536)
                origins?.Add(source.Origins![from]);
        }

        return new TrackedText(result.ToString(), origins?.ToArray());
    }

    private static void Decompose(UnicodeData data, int code, int from, bool compatibility, List<(int Code, int Class, int From)> codes)
    {
        int hangul = code - UnicodeData.HangulBase;
        if (hangul is >= 0 and < UnicodeData.HangulCount)
        {
            codes.Add((LeadBase + (hangul / (Vowels * Trails)), 0, from));
            codes.Add((VowelBase + (hangul % (Vowels * Trails) / Trails), 0, from));
            if (hangul % Trails != 0)
                codes.Add((TrailBase + (hangul % Trails), 0, from));
        }
        else if (code >= 0x80 && (data.Canonical.TryGetValue(code, out int[]? parts) || (compatibility && data.Compatibility.TryGetValue(code, out parts))))
        {
            foreach (int part in parts)
                Decompose(data, part, from, compatibility, codes);
        }
        else
        {
            codes.Add((code, data.CombiningClass(code), from));
        }
    }

    /// <summary>Sorts each run of combining characters by class; equal ones keep their order.</summary>
    private static void Order(List<(int Code, int Class, int From)> codes)
    {
        for (int i = 0; i < codes.Count; i++)
        {
            if (codes[i].Class == 0)
                continue;
            int end = i + 1;
            bool sorted = true;
            for (; end < codes.Count && codes[end].Class != 0; end++)
                sorted &= codes[end - 1].Class <= codes[end].Class;
            if (!sorted)
            {
                var run = codes.GetRange(i, end - i).OrderBy(c => c.Class).ToList();
                for (int k = 0; k < run.Count; k++)
                    codes[i + k] = run[k];
            }

            i = end;
        }
    }

    private static void Compose(UnicodeData data, List<(int Code, int Class, int From)> codes)
    {
        int starter = -1, kept = 0, before = -1;
        for (int i = 0; i < codes.Count; i++)
        {
            var current = codes[i];
            // Blocked by a character of no lesser class between the starter and this one.
            if (starter >= 0 && (before < current.Class || before == -1) && Composed(data, codes[starter].Code, current.Code) is int whole)
            {
                codes[starter] = (whole, 0, codes[starter].From);
                continue;
            }

            if (current.Class == 0)
                (starter, before) = (kept, -1);
            else
                before = current.Class;
            codes[kept++] = current;
        }

        codes.RemoveRange(kept, codes.Count - kept);
    }

    private static int? Composed(UnicodeData data, int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + 19 && second is >= VowelBase and < VowelBase + Vowels)
            return UnicodeData.HangulBase + ((((first - LeadBase) * Vowels) + second - VowelBase) * Trails);
        int hangul = first - UnicodeData.HangulBase;
        if (hangul is >= 0 and < UnicodeData.HangulCount && hangul % Trails == 0 && second is > TrailBase and < TrailBase + Trails)
            return first + second - TrailBase;
        return data.Compositions.TryGetValue(UnicodeData.Pair(first, second), out int whole) ? whole : null;
    }
}
