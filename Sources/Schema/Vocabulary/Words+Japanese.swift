// Japanese, in Japanese script, with the places and formats of Japan; the Latin names, for e-mail addresses, stand in the same order.

extension LocaleWords {
  static let japanese = LocaleWords(
    code: "ja",
    firstNames: """
      翔太 陽子 健太 恵子 大輔 幸子 拓也 美咲 誠 裕子 直樹 由美子 健一 久美子 達也 真由美 浩 明美 隆 智子 哲也 愛 学 美穂 大樹 彩 翔 麻衣 蓮 葵
      陽翔 結衣 湊 陽菜 悠真 凛 大和 紬 樹 芽依 悠斗 莉子 陸 杏 颯太 美月 海斗 七海 和也 千尋 亮 舞 剛 直美 修 春香 豊 香織 勝 典子 清 京子 茂 洋子
      """,
    lastNames: """
      佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 清水 山崎 森 池田 橋本 阿部 石川 山下 中島 石井
      小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 福田 太田 西村 藤井 岡本 三浦 藤原 金子 中野 中川 原田 松田 竹内 小野 田村 中山
      和田 石田 森田 上田 原 柴田 酒井 宮崎 横山 高木
      """,
    firstNamesLatin: """
      shota yoko kenta keiko daisuke sachiko takuya misaki makoto yuko naoki yumiko kenichi kumiko tatsuya mayumi hiroshi akemi takashi
      tomoko tetsuya ai manabu miho daiki aya sho mai ren aoi haruto yui minato hina yuma rin yamato tsumugi itsuki mei yuto riko riku an
      sota mizuki kaito nanami kazuya chihiro ryo mai tsuyoshi naomi osamu haruka yutaka kaori masaru noriko kiyoshi kyoko shigeru yoko
      """,
    lastNamesLatin: """
      sato suzuki takahashi tanaka ito watanabe yamamoto nakamura kobayashi kato yoshida yamada sasaki yamaguchi matsumoto inoue kimura
      hayashi saito shimizu yamazaki mori ikeda hashimoto abe ishikawa yamashita nakajima ishii ogawa maeda okada hasegawa fujita goto
      kondo murakami endo aoki sakamoto fukuda ota nishimura fujii okamoto miura fujiwara kaneko nakano nakagawa harada matsuda takeuchi
      ono tamura nakayama wada ishida morita ueda hara shibata sakai miyazaki yokoyama takagi
      """,
    cities: """
      新宿区,東京都,35.69,139.70,160-00##,350; 渋谷区,東京都,35.66,139.70,150-00##,245; 世田谷区,東京都,35.65,139.65,154-00##,940;
      横浜市,神奈川県,35.44,139.64,231-00##,3770; 大阪市,大阪府,34.69,135.50,530-00##,2750; 名古屋市,愛知県,35.18,136.91,460-00##,2330;
      札幌市,北海道,43.06,141.35,060-00##,1970; 福岡市,福岡県,33.59,130.40,810-00##,1610; 川崎市,神奈川県,35.53,139.70,210-00##,1540;
      神戸市,兵庫県,34.69,135.20,650-00##,1520; 京都市,京都府,35.01,135.77,604-80##,1460; さいたま市,埼玉県,35.86,139.65,330-00##,1330;
      広島市,広島県,34.39,132.46,730-00##,1200; 仙台市,宮城県,38.27,140.87,980-00##,1090; 千葉市,千葉県,35.61,140.12,260-00##,975;
      北九州市,福岡県,33.88,130.88,802-00##,935; 堺市,大阪府,34.57,135.48,590-00##,825; 浜松市,静岡県,34.71,137.73,430-09##,790;
      新潟市,新潟県,37.92,139.04,950-00##,785; 熊本市,熊本県,32.80,130.71,860-00##,738; 岡山市,岡山県,34.66,133.92,700-00##,720;
      静岡市,静岡県,34.98,138.38,420-00##,690; 鹿児島市,鹿児島県,31.60,130.56,890-00##,593; 宇都宮市,栃木県,36.56,139.88,320-00##,518;
      松山市,愛媛県,33.84,132.77,790-00##,510; 金沢市,石川県,36.56,136.65,920-00##,463; 長崎市,長崎県,32.75,129.88,850-00##,405;
      大分市,大分県,33.24,131.61,870-00##,475; 高松市,香川県,34.34,134.05,760-00##,415; 富山市,富山県,36.70,137.21,930-00##,410;
      岐阜市,岐阜県,35.42,136.76,500-80##,400; 那覇市,沖縄県,26.21,127.68,900-00##,317
      """,
    streets: """
      中央, 本町, 栄町, 緑町, 旭町, 東町, 西町, 南町, 北町, 桜台, 若葉町, 泉町, 大手町, 元町, 新町, 幸町, 日の出町, 松原, 富士見, 青葉台, 港町, 山手
      """,
    words: """
      今日は 明日は 昨日は 朝の 夜の 夏の 冬の 春の 秋の 新しい 古い 大きな 小さな 静かな 明るい 長い 短い 青い 白い 赤い 美しい 楽しい 私の 友達の
      家族の 町の 村の 山の 海の 川の 空の 駅の 庭の 窓の 道の 店の 学校の 仕事の 世界の 時間が 音楽が 手紙が 写真が 電車が 花が 雨が 風が 光が 水が
      本を 紙を 机を 話を 言葉を 答えを 計画を 値段を 荷物を 朝食を 地図を 時計を 家で 駅で 店で 庭で 町で 部屋で 公園で 東京で 大阪で 海辺で 静かに 早く
      ゆっくり よく いつも 時々 また もう一度 一緒に 少し とても たくさん 見る 聞く 読む 書く 話す 歩く 走る 待つ 作る 使う 開く 始める 続ける 届く
      覚える 考える 選ぶ 送る 届ける 運ぶ
      """,
    jobs: """
      ソフトウェア技術者, 看護師, 教師, 会計士, 電気工事士, プロジェクト管理者, 営業担当, データ分析者, 整備士, デザイナー, 薬剤師, 料理人, 土木技術者, 司書,
      医師, 大工, パン職人, 建築家
      """,
    colors: "黒, 白, 灰色, 青, 赤, 緑, 茶色, 黄色, 橙, 紫, 桃色, 銀色, 紺",
    products: """
      コーヒーメーカー, デスクライト, リュックサック, 水筒, ランニングシューズ, ヘッドホン, オフィスチェア, ノート, レインコート, 電気ケトル, キーボード,
      自転車用ヘルメット, ヨガマット, サングラス, まな板, 本棚
      """,
    greetings: "こんにちは, おはようございます, こんばんは, はじめまして, ようこそ, お世話になっております",
    companies: "株式会社*, *株式会社, 有限会社*, *商事, *工業, *物流, *製作所, *電機",
    countries: """
      アメリカ合衆国, インド, 中国, ブラジル, 日本, ドイツ, イギリス, フランス, イタリア, スペイン, メキシコ, カナダ, 韓国, オランダ, ポーランド, オーストラリア,
      スウェーデン, スイス, オーストリア, ベルギー, ポルトガル, アルゼンチン, 南アフリカ, ナイジェリア
      """,
    phones: "+81 90-0###-####, +81 80-0###-####, +81 70-0###-####",
    nationalNumber: "0000 #### ####", streetLine: "{street}{chome}丁目{n}番", addressLine: "〒{postcode} {region}{city}{line}",
    familyNameFirst: true)
}
