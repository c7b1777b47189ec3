"""The words with which answers are stated, by their place in a statement.

In: nothing. Out: patterns. A statement has the same shape in most languages: what begins its
clause, an adjective, a noun, a copula, an article, the answer. A language stands here only if
tests/suite/answers/parse_corpus.yaml states an answer in it and denies one.
"""

from __future__ import annotations

import re


def _any(words: str) -> str:
    """A pattern for any of these words, the longest first; an underscore is a space."""
    longest = sorted(words.split(), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word).replace("_", r"\s+") for word in longest) + ")"


CONCLUDES = r"so|therefore|thus|hence|consequently|accordingly|finally|overall|then"
ADVERB = (
    r"therefore|thus|hence|then|clearly|simply|indeed|definitely|most\s+likely|likely|probably|"
    r"obviously|actually|really|still|certainly|surely|absolutely|maybe|perhaps|just|only"
)
YES_NO = (
    "yes|yeah|yep|nope|no|true|false|ja|nein|oui|non|sí|si|sim|não|да|нет|是的?|不是|否|はい|いいえ|"
    "نعم|لا|네|아니요|아니오|ya|tidak|evet|hayır"
)

NOUN = _any(
    "respuesta opción opcion réponse antwort lösung richtig resposta alternativa risposta ответ "
    "вариант правильный верный jawaban jawabannya "
    "cevap yanıt seçenek đáp_án câu_trả_lời الإجابة الجواب الصحيح والصحيح उत्तर जवाब विकल्प "
    "correcta correcto correta correto correcte corretta corretto"
)
CHOOSE = _any(
    "tôi_chọn chọn elijo escojo je_choisis ich_wähle escolho scelgo я_выбираю saya_memilih "
    "saya_pilih je_dirais diría"
)
OPTION = _any(
    "opción opcion letra option lettre réponse antwort buchstabe opção alternativa opzione lettera "
    "вариант буква под_буквой opsi pilihan şıkkı şık đáp_án phương_án الخيار الحرف विकल्प "
    "选项 選択肢 보기"
)
_BETWEEN = _any(
    "correcta correcto correta correcte corretta final finale certa esatta giusta saya akhir "
    "yang_benar yang_tepat đúng chính_xác cuối_cùng الصحيحة الصحيح النهائية "
    "es est ist lautet é è это будет adalah là هي هو है donc also daher então quindi entonces pues "
    "la l' el die le il"
)
BETWEEN = rf"(?:\s+(?:{_BETWEEN}|(?-i:a)|{OPTION})(?!\w))"
"""Adjectives, copulas and articles behind the noun."""
HEAD = _any(
    "la le el lo die der das o il una bonne juste richtige korrekte beste mejor melhor giusta "
    "doğru правильный верный सही"
)
"""Before the noun."""
_THEREFORE = (
    "donc ainsi por_lo_tanto así_que also daher deshalb somit portanto logo quindi dunque perciò "
    "поэтому итак sehingga do_đó bu_nedenle bu_yüzden إذن لذلك इसलिए अतः"
)
LEAD = _any(
    f"{_THEREFORE} mais et pero y aber und então mas e ma значит но и jadi maka tetapi namun dan "
    "vậy nên nhưng và ama ancak ve لكن ولكن लेकिन परंतु"
)
"""Begins a clause."""
IT_IS = _any("c'est c'est_donc c'est_la es_ist das_ist es_la è_la é_a é_o")

CHINESE = (
    r"(?:答案|选项)(?:应该?|应当|显然|就|确定)?(?:应?[选選]择?|是|为|\]|:)+\s?(?:选项)?|答案(?=\s?[(\[]?[A-Z])|答:"
    r"|(?:故|应该?|所以|因此|则|我|本题)?[选選][择擇]?(?!项):?(?=\s?[(\[]?[A-Z])|(?:应该|应当|应|而)是"
)
JAPANESE = r"(?:正解|答え|回答|解答|正答)(?:は|:)(?:選択肢)?"
KOREAN = r"(?:정답|답|답변)(?:은|는|:)(?:\s{0,3}보기)?"
CJK_DENIES = re.compile(
    r"[不没無无别非未](?:[能会应该要可敢]|应该)?\s*$|(?:若|否则?)\s*$|(?:原本|本来)[^,.;\n]{0,20}$"
    r"|(?<!我)认为$|(?<![我是来])说$"
)

NOT = _any("not n't no non nicht pas não nem не 不是 并非 tidak bukan không_phải không_phải_là")
BUT = _any(
    "but but_rather sino sino_que mais c'est sondern mas mas_sim e_sim ma bensì а 而是 而应是 "
    "而应该是 melainkan mà_là it_is it's"
)
NOT_BUT = (
    rf"(?:\b|(?<=n)){NOT}(?:\s+(?:es|é|è|option|la|a))*\s{{0,3}}[(\[]?[A-Z][)\]]?"
    rf"\s{{0,3}}[,;]?\s{{0,3}}{BUT}"
    r"(?:\s+(?:it\s+is|it's|la|option|(?-i:a)))?(?=\s{0,3}[(\[]?[A-Z](?![A-Za-z]))"
    r"|[A-Z]\s{0,3}(?:ではなく(?:て)?|じゃなく(?:て)?|[가이]\s{0,3}아니라|\s?नहीं,?\s+बल्कि|"
    r"\s?değil),?(?=\s{0,3}[(\[]?[A-Z](?![A-Za-z]))"
)
"""«Not B but C»: a denial that says what is meant instead."""

ENDS = (
    r"(?:です|でした|だ|である|となり|になり|と考え|입니다|이다|예요|이에요|번|है|項|项|选项|"
    r"的?是正确|正确|'?d[ıiuü]r|(?:şıkkı|seçeneği)dır)"
)
"""What may stand behind a letter in a language whose verb comes last."""
BECAUSE = r"because|since|according\s+to|based\s+on"
REASON = (
    rf"(?:{BECAUSE}|as(?!\s+(?:well|long|if)\b)|which|due|given|not|rather|instead|unlike|here|by|"
    r"although|though|while|weil|denn|da|porque|parce|pois|perché|потому|karena|vì|çünkü)"
)
"""Begins what gives a reason for an answer, or sets other options aside."""
CONDITION = (
    r"(?:if|unless|assum(?:e|ing)|suppos(?:e|ing)|provided|whether|as\s+long\s+as|in\s+case|"
    r"depending)\b"
)
_WE = _any("nos on l'on nous man wir ich мы kita")
_SEEN = _any("ve ven vede vedono vê veem observa observan muestra trata tratta puede")
_IF = (
    rf"(?:(?<!\w){_any('wenn falls sofern если jika kalau apabila nếu eğer إذا لو यदि अगर')}(?!\w)"
    r"|如果|假如|假设|假使|要是|倘若|除非|もし|仮に|만약|만일)"
)
_SI = rf"(?:si|se|caso|s'ils?)(?!\w|\s*,|\s+{_SEEN}\b)"
_UNLESS_WE = rf"(?!\s+(?:\w+(?:mos|iamo)|{_WE})(?!\w))"
SUPPOSED = (
    rf"(?:(?:{_IF}|(?:^|[,:(])\W*(?:{LEAD}\s+)?{_SI}){_UNLESS_WE}|^\W*若"
    r"|(?:なら(?:ば)?|れば|たら|場合[にはも]{0,2}|とすると|とすれば|라면|다면|으면|경우(?:에?는|엔|에)?)(?:\s?,|\s|$))"
    rf"(?!.*(?:(?<!\w){_any(_THEREFORE)}(?!\w)|因此|所以|したがって|よって|따라서|그러므로))"
)
"""A condition in another language than English, from which a clause does not conclude; «if we look
at the picture» is none."""
MORE = rf"(?:{_IF}|{_SI}|あるいは|または|もしくは|或|또는|혹은)"
"""Sets a condition behind an answer, or offers another."""
REPORT = (
    r"(?<!\bI\s)(?<!\bwe\s)(?<!\bmy\s)(?<!\bthat\s)(?<!would\s)(?<!will\s)\b(?:says?|said|reads?|writes?|wrote|claim(?:s|ed)|"
    r"states?|stated|asks?|asked|tells?|told|argue[sd]|repl(?:y|ies|ied)|answer(?:s|ed)|shouts?|"
    r"thinks?|thought|respond(?:s|ed)?|dice|dijo|afirma|(?<!autrement\s)dit|affirme|diz|disse|berkata|"
    r"mengatakan|nói|dedi|diyor|يقول|قال)\b[^,.;:!?\n]{0,40}(?::|(?:(?<=says)|(?<=said)|(?<=thinks)|(?<=claims)),)"
    r"|\b(?:sagte?|meinte?|behauptet|говорит|сказала?|утверждает)\b[^.;:!?\n]{0,40}[:,](?:\s+(?:dass|что))?"
)
"""What another says is no statement of the text's own."""
NO_DOUBT = r"(?:no|without(?:\s+an?)?|not\s+any)\s+(?:doubt|question)"
DENIAL = (
    r"not|never|no|nor|neither|nothing|nobody|none|hardly|without|doubt(?!\s*,)\w*|unsure|uncertain|"
    r"unclear"
)
RIGHT = (
    r"\s?(?:项|选项)?\s?是?(?:正确|对(?![比于应])|最符合|最合适|最恰当)的?|\s?が(?:正解|正しい)|[이가]\s?(?:정답(?!이\s?아)|맞)"
    + (
        r"|\s+(?:ist|es|est|é|è)\s+(?:(?:la|die|a)\s+)?(?:richtig\w*|korrekt|correct[ao]|correcte|"
        r"juste|bonne|corret[ao]|corretta|giusta)\b|\s+(?:верн|правильн)\w+|\s+doğru(?!\s+değil)"
    )
)
CORRECTION = (
    r"(?:(?:non,|ou|mais)\s+plutôt|아니(?=[\s,.])|"
    + _any(
        "pardon perdón quise_decir entschuldigung ich_meine desculpe quis_dizer scusa volevo_dire "
        "извините вернее точнее 不对 等等 いや 아니요 maaf"
    )
    + ")"
)
